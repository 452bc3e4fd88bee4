use conduit::{Connection, Disconnected, Server, on_client_connect, on_client_disconnect, on_shutdown, on_startup};

#[on_startup]
async fn owned(_server: Server, _name: &str, _end: Disconnected) {}

#[on_client_connect]
async fn mutable(_client: &mut Connection, _client_again: Connection) {}

#[on_client_disconnect]
async fn ends(_one: Disconnected, _two: Disconnected, _three: &Disconnected, _count: usize) {}

#[on_shutdown]
async fn annotated(#[arg(default = 1)] _server: &Server, _db: &impl Send) {}

fn main() {
    let _ = conduit::hooks![owned, mutable, ends, annotated];
}
