use conduit::Event;

#[derive(serde::Deserialize, schemars::JsonSchema, Event)]
#[event("chat")]
struct Chat {
    text: String,
}

fn main() {}
