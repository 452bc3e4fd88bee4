use conduit::RpcError;

#[derive(Debug, thiserror::Error, RpcError)]
enum ReadError {
    #[error("can't read")]
    #[rpc(code = 500)]
    Io(#[from] std::io::Error),
}

fn main() {}
