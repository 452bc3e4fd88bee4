use conduit::on;

#[on("chat")]
async fn chat(#[serde(rename = "message")] #[schemars(length(min = 1))] text: String) {
    let _ = text;
}

#[on("shout")]
async fn shout(
    /// What to say.
    #[arg(default = "hey")]
    text: String,
) {
    let _ = text;
}

fn main() {}
