use conduit::rpc;

#[rpc]
async fn rename(
    #[serde(alias = "userName")] username: String,
    #[serde(skip_serializing_if = "Option::is_none")] nickname: Option<String>,
    #[serde(flatten)] rest: std::collections::HashMap<String, u8>,
) {
    let _ = (username, nickname, rest);
}

fn main() {}
