use conduit::rpc;

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, Default)]
struct Page {
    size: u8,
}

#[rpc]
async fn one(#[arg(defualt = 5)] n: u8) -> u8 {
    n
}

#[rpc]
async fn two(#[arg(default = Page::default(), flatten)] page: Page) -> u8 {
    page.size
}

#[rpc]
async fn three(#[arg(default)] n: u8) -> u8 {
    n
}

fn main() {}
