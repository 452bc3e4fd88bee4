use std::cell::RefCell;

use conduit::rpc;

struct Cache(RefCell<u8>);

#[rpc]
async fn cached(cache: &Cache) -> u8 {
    *cache.0.borrow()
}

fn main() {}
