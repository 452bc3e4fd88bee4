use conduit::rpc;

struct Db;

#[rpc]
async fn count<'a>(db: &'a Db) -> usize {
    let _ = db;
    0
}

fn main() {}
