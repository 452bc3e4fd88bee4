use conduit::rpc;

#[rpc]
pub struct User {
    name: String,
}

#[rpc]
trait Store {}

fn main() {}
