use conduit::RpcError;

#[derive(Debug, RpcError)]
#[rpc(code = 400)]
struct Invalid<T> {
    value: T,
}

#[derive(RpcError)]
union Either {
    a: u8,
    b: i8,
}

fn main() {}
