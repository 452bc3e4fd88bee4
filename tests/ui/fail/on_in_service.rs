use conduit::rpc;

struct Room;

#[rpc(namespace = "room")]
impl Room {
    #[on("chat")]
    async fn free(_text: String) {}

    #[on]
    async fn nameless(&self) {}

    #[on("shout", skip)]
    async fn skipped(&self) {}

    #[on("say")]
    async fn two(&self, text: String, loud: bool) {
        let _ = (text, loud);
    }
}

fn main() {}
