use std::borrow::Cow;

use conduit::rpc;

struct Db;

#[rpc]
async fn find(db: Option<&Db>, name: Cow<'_, str>, tags: Vec<&str>) -> bool {
    let _ = (db, name, tags);
    true
}

fn main() {}
