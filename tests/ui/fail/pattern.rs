use conduit::rpc;

#[rpc]
async fn distance((x, y): (f64, f64), _: bool) -> f64 {
    x.hypot(y)
}

fn main() {}
