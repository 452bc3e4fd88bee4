use conduit::RpcError;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("not found")]
    #[rpc(code = -32601)]
    NotFound,
    #[error("gone")]
    #[rpc(code = "410")]
    Gone,
}

fn main() {}
