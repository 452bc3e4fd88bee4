use conduit::rpc;

struct Db;

#[rpc]
async fn count(#[arg(default = 5)] db: &Db, #[serde(rename = "other")] other: &Db) -> u8 {
    let _ = (db, other);
    0
}

fn main() {}
