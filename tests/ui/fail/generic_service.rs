use conduit::rpc;

struct Store<T>(Vec<T>);

#[rpc(namespace = "store")]
impl<T: Send> Store<T> {
    async fn len(&self) -> usize {
        self.0.len()
    }
}

fn main() {}
