use conduit::{Call, Connection, on, rpc};

#[rpc]
async fn who(_client: Connection, name: String) -> String {
    name
}

#[rpc]
fn status(_server: conduit::Server, _call: Call) {}

#[on("chat")]
async fn chat(_client: Connection) {}

struct Chat;

#[rpc]
impl Chat {
    async fn say(&self, _client: Connection) {}
}

/// A type of one's own may have that name.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Server {
    host: String,
}

#[rpc]
async fn register(server: self::Server) -> String {
    server.host
}

fn main() {}
