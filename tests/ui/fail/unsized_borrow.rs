use std::path::Path;

use conduit::rpc;

#[rpc]
async fn exists(path: &Path) -> bool {
    path.exists()
}

fn main() {}
