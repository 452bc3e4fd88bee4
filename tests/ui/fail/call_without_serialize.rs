use conduit::{Client, rpc};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct User {
    name: String,
}

#[rpc]
async fn create(user: User, times: u8) -> String {
    let _ = times;
    user.name
}

fn main() {
    let _ = |client: &Client| {
        let _call = create::call(client, User { name: "a".to_owned() }, 1);
    };
}
