use conduit::RpcError;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("user {id} not found")]
    NotFound { id: u64 },
    #[error("gone")]
    #[rpc(code = 410, internal)]
    Gone,
}

fn main() {}
