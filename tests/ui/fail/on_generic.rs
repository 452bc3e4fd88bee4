use conduit::on;

#[on("chat")]
async fn chat<T>(data: T) {
    let _ = data;
}

fn main() {}
