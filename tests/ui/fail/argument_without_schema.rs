use conduit::rpc;

struct User {
    name: String,
}

#[rpc]
async fn create(user: User) -> String {
    user.name
}

fn main() {}
