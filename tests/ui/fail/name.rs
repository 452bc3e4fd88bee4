use conduit::rpc;

#[rpc(name = "create user")]
async fn create() {}

#[rpc(name = "")]
async fn empty() {}

#[rpc(name = 5)]
async fn number() {}

#[rpc(name = "users.")]
async fn dot() {}

fn main() {}
