use conduit::rpc;

struct User;

#[rpc]
async fn find() -> User {
    User
}

fn main() {}
