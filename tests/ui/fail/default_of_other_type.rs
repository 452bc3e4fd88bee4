use conduit::rpc;

// A type of our own: which impls the standard types have depends on what else is compiled.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Size(u8);

#[rpc]
async fn page(#[arg(default = "ten")] size: Size) -> u8 {
    size.0
}

#[rpc]
async fn sized(#[arg(default = 2.5)] size: u8) -> u8 {
    size
}

fn main() {}
