use conduit::{Connection, on};

#[on("chat")]
async fn chat(client: &Connection, room: String, text: String, _: u8) {
    let _ = (client, room, text);
}

fn main() {
    // Not an error of its own.
    let _ = conduit::methods![chat];
}
