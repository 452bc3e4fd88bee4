#![allow(dead_code)]

mod users {
    use conduit::rpc;

    #[derive(serde::Serialize, schemars::JsonSchema)]
    struct User {
        name: String,
    }

    #[rpc]
    pub async fn find(name: String) -> User {
        User { name }
    }
}

fn main() {}
