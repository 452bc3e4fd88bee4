use conduit::{on, rpc};

#[rpc]
#[on("chat")]
async fn one() {}

#[on("chat")]
#[rpc]
async fn two() {}

struct Room;

#[rpc]
impl Room {
    #[rpc(public)]
    #[on("chat")]
    async fn three(&self) {}
}

fn main() {}
