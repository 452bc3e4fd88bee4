use conduit::rpc;

#[rpc]
async fn page(#[arg(default = "ten")] size: u8) -> u8 {
    size
}

#[rpc]
async fn sized(#[arg(default = 2.5)] size: u8) -> u8 {
    size
}

fn main() {}
