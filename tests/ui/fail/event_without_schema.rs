use conduit::Event;

#[derive(serde::Serialize, serde::Deserialize, Event)]
#[event("chat")]
struct Chat {
    text: String,
}

fn main() {}
