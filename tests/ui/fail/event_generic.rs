use conduit::{Connection, Event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
struct Chat<T> {
    data: T,
}

fn main() {
    // Not an error of its own.
    let _ = |client: &Connection| client.send_event(&Chat { data: 1 });
}
