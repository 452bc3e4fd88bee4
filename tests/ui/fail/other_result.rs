use conduit::rpc;

mod mine {
    pub struct Result;
}

#[rpc]
async fn read() -> mine::Result {
    mine::Result
}

fn main() {}
