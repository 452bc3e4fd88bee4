use conduit::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Event)]
struct Missing;

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("")]
struct Empty;

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("rpc.error")]
struct Reserved;

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("*")]
struct Fallback;

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat", "shout")]
struct Two;

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event = "chat"]
struct Equals;

#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event(name = "chat")]
struct Option;

fn main() {
    // Not an error of its own.
    let _ = Missing::NAME;
}
