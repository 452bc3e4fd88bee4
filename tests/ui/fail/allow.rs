use conduit::rpc;

#[rpc(allow = "")]
async fn nobody() {}

#[rpc(allow = "admin,")]
async fn half() {}

#[rpc(allow = admin)]
async fn bare() {}

#[rpc(public, allow = "admin")]
async fn both() {}

fn main() {}
