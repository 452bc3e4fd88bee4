use conduit::rpc;

#[rpc]
async fn greet(name: impl Into<String>) -> String {
    name.into()
}

fn main() {}
