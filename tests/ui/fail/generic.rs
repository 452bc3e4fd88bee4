use conduit::rpc;

#[rpc]
async fn first<T>(items: Vec<T>) -> usize
where
    T: Send,
{
    items.len()
}

fn main() {}
