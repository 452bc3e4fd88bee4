use conduit::on;

#[on("chat")]
async fn chat(text: &str) {
    let _ = text;
}

fn main() {}
