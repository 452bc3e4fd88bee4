use conduit::rpc;

struct Chat;

#[rpc(namespace = "chat")]
impl Chat {
    async fn say(&self) {}

    #[rpc(name = "say")]
    async fn shout(&self) {}
}

fn main() {}
