use conduit::rpc;

struct Counter(u64);

#[rpc]
async fn count(counter: &mut Counter) -> u64 {
    counter.0 += 1;
    counter.0
}

fn main() {}
