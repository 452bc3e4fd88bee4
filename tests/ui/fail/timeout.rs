use conduit::rpc;

#[rpc(timeout = "soon")]
async fn one() {}

#[rpc(timeout = "0s")]
async fn two() {}

#[rpc(timeout = 5)]
async fn three() {}

fn main() {}
