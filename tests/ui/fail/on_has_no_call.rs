use conduit::{Client, rpc};

struct Room;

#[rpc]
impl Room {
    #[on("shout")]
    async fn shout(&self, text: String) {
        let _ = text;
    }

    async fn history(&self) -> Vec<String> {
        vec![]
    }
}

fn main() {
    let _ = |client: &Client| {
        let _call = RoomClient::new(client).shout("hello".to_owned());
    };
}
