use conduit::RpcError;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("not found")]
    #[rpc(code = 404)]
    NotFound,
    #[error("gone")]
    #[rpc(code = 404)]
    Gone,
}

fn main() {}
