use conduit::RpcError;

#[derive(Debug, RpcError)]
enum UserError {
    #[rpc(code = 404)]
    NotFound,
}

fn main() {}
