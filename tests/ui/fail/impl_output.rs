use conduit::rpc;

#[rpc]
fn numbers() -> impl Iterator<Item = u8> {
    0..3
}

#[rpc]
fn later() -> impl Future<Output = u8> {
    async { 1 }
}

fn main() {}
