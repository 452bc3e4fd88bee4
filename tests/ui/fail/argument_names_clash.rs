use conduit::rpc;

#[rpc]
async fn rename(name: String, #[serde(rename = "name")] nickname: String) {
    let _ = (name, nickname);
}

fn main() {}
