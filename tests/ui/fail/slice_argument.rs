use conduit::rpc;

#[rpc]
async fn sum(values: &[i64]) -> i64 {
    values.iter().sum()
}

fn main() {}
