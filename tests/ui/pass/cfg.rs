//! What `#[cfg]` removes is removed as a whole.

use conduit::{Service, rpc};

#[rpc]
#[cfg(any())]
async fn add(a: Missing) -> Missing {
    a
}

#[cfg(any())]
#[rpc]
async fn add(a: Missing) -> Missing {
    a
}

#[rpc]
#[cfg(all())]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

struct Chat;

#[rpc]
impl Chat {
    #[cfg(any())]
    async fn say(&self, a: Missing) {}

    #[cfg(all())]
    async fn say(&self, a: String) -> String {
        a
    }
}

fn main() {
    let _ = conduit::methods![add];
    assert_eq!(Chat::METHODS.len(), 1);
}
