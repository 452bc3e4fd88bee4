use conduit::rpc;

struct Chat;

#[rpc(namespace = "chat")]
impl Chat {
    fn new() -> Self {
        Self
    }
}

fn main() {
    Chat::new();
}
