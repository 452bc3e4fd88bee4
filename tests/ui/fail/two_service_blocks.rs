use conduit::rpc;

struct Chat;

#[rpc(namespace = "chat")]
impl Chat {
    async fn say(&self, text: String) -> usize {
        text.len()
    }
}

#[rpc(namespace = "admin")]
impl Chat {
    async fn kick(&self, name: String) -> bool {
        name.is_empty()
    }
}

fn main() {}
