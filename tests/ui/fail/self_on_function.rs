use conduit::rpc;

struct Chat;

impl Chat {
    #[rpc]
    async fn say(&self, text: String) -> String {
        text
    }
}

fn main() {
    let _ = Chat.say("hi".to_owned());
}
