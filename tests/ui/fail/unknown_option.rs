use conduit::rpc;

#[rpc(publik)]
async fn one() {}

#[rpc(retries = 3)]
async fn two() {}

#[rpc(namespace = "users")]
async fn three() {}

#[rpc("four")]
async fn four() {}

#[rpc(public, public)]
async fn five() {}

#[rpc(public = true, name)]
async fn six() {}

fn main() {}
