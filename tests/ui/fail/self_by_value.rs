use std::sync::Arc;

use conduit::rpc;

struct Chat;

#[rpc(namespace = "chat")]
impl Chat {
    async fn close(self) {}

    async fn clear(&mut self) {}

    async fn share(self: Arc<Self>) {}
}

fn main() {}
