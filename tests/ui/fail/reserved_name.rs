use conduit::rpc;

#[rpc(name = "rpc.reboot")]
async fn reboot() {}

fn main() {}
