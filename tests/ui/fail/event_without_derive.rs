use conduit::{Connection, Server};

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Chat {
    text: String,
}

fn main() {
    let _ = |server: &Server, chat: &Chat| server.broadcast_event(chat).send();
    let _ = |client: &Connection, chat: &Chat| client.send_event(chat);
    let _ = Server::builder().on_event(|_: Connection, _: Chat| async {});
    let _ = Server::builder().sends::<Chat>();
}
