use conduit::on;

#[derive(schemars::JsonSchema)]
struct Chat {
    text: String,
}

#[on("chat")]
async fn chat(data: Chat) {
    let _ = data.text;
}

fn main() {}
