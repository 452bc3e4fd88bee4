//! Events that a server says it sends: in its document, and in what whoever reads it knows.

use conduit::{Client, Connection, Event, Identity, Server, ServerBuilder, methods, on};
use futures_util::StreamExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Peer, builder, start};

/// A second went by.
///
/// Seconds are not counted twice.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, Event)]
#[event("tick")]
struct Tick {
    /// How many.
    #[schemars(range(min = 1))]
    n: u64,
    at: At,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct At {
    seconds: f64,
}

/// Something said.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
struct Chat {
    #[serde(default)]
    name: String,
    text: Option<String>,
}

/// What somebody wants to say.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("say")]
struct Say {
    text: String,
}

/// What somebody said.
#[derive(Serialize, Deserialize, JsonSchema, Event)]
#[event("say")]
struct Said {
    name: String,
    text: String,
}

#[allow(deprecated)]
mod old {
    use super::*;

    #[deprecated]
    #[derive(Serialize, Deserialize, JsonSchema, Event)]
    #[event("level")]
    pub(super) struct Level(u8);

    pub(super) fn declared(server: ServerBuilder) -> ServerBuilder {
        server.sends::<Level>()
    }
}

fn server() -> ServerBuilder {
    let server = builder(methods![])
        .on("say", |_: Connection, _: Say| async {})
        .on_event(|_: Connection, _: Chat| async {})
        .sends::<Tick>()
        .sends::<Said>()
        .sends::<Chat>();
    old::declared(server)
}

fn url(server: &conduit::RunningServer) -> String {
    format!("ws://{}", server.address())
}

fn refusal(server: ServerBuilder) -> String {
    server.open().build().expect_err("the server does not build").to_string()
}

#[tokio::test]
async fn the_document_tells_what_is_sent_apart_from_what_is_handled() {
    let server = start(server().open()).await;
    let document = Peer::connect(&server).await.result("rpc.discover", json!([])).await;
    let names = |member: &str| {
        let events = document[member].as_array().expect("a list");
        events.iter().map(|event| event["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("x-events"), ["chat", "say"]);
    assert_eq!(names("x-sent-events"), ["chat", "level", "say", "tick"]);
    let tick = &document["x-sent-events"][3];
    assert_eq!(tick["description"], "A second went by.\n\nSeconds are not counted twice.");
    assert_eq!((&tick["payload"]["properties"]["n"]["minimum"], &tick["deprecated"]), (&json!(1), &json!(false)));
    assert_eq!(tick["payload"]["properties"]["at"], json!({ "$ref": "#/components/schemas/At" }));
    assert_eq!(document["components"]["schemas"]["At"]["required"], json!(["seconds"]));
    assert_eq!(document["x-sent-events"][1]["deprecated"], true);
    for event in document["x-sent-events"].as_array().expect("a list") {
        assert!(jsonschema::meta::is_valid(&event["payload"]), "{event}");
    }
}

#[tokio::test]
async fn one_type_both_ways_is_one_payload_and_two_types_are_two() {
    let server = start(server().open()).await;
    let client = Client::connect(url(&server)).discover().await.expect("connected");
    let document = client.discovered().expect("known");
    let payload = |event: Option<&conduit::EventDescription>| event.expect("described").payload.clone();
    assert_eq!(payload(document.event("chat")), payload(document.sent_event("chat")));
    assert_eq!(payload(document.event("say"))["required"], json!(["text"]));
    assert_eq!(payload(document.sent_event("say"))["required"], json!(["name", "text"]));
}

#[tokio::test]
async fn a_client_learns_what_is_sent_from_the_document() {
    let server = start(server().open()).await;
    let client = Client::connect(url(&server)).discover().await.expect("connected");
    let document = client.discovered().expect("known");
    let sent: Vec<String> = document.sent_events().iter().map(ToString::to_string).collect();
    assert_eq!(sent, ["chat(Chat)", "level(integer)", "say(Said)", "tick(Tick)"]);
    assert!(document.event("tick").is_none() && document.sent_event("nothing").is_none());
    let tick = document.sent_event("tick").expect("described");
    let fields: Vec<String> = tick.fields().map(|field| field.to_string()).collect();
    assert_eq!((fields, tick.ack_text()), (vec!["n: 1..".to_owned(), "at: At".to_owned()], None));
    serde_json::from_value::<Tick>(tick.example()).expect("an example is a payload");
}

#[tokio::test]
async fn an_event_that_is_only_sent_is_none_that_a_client_may_send() {
    let server = start(server().open()).await;
    let client = Client::connect(url(&server)).discover().await.expect("connected");
    let error = client.send("tick", &json!({})).await.expect_err("it is not handled");
    assert_eq!((error.code(), error.is_unsent()), (Some(-32601), true));
}

#[tokio::test]
async fn what_is_declared_and_what_is_not_is_sent_alike() {
    let server = start(server().open()).await;
    let client = Client::connect(url(&server)).await.expect("connected");
    let (mut ticks, mut others) = (client.events::<Tick>(Tick::NAME), client.events::<u8>("other"));
    client.listall().await.expect("logged in");
    let tick = Tick { n: 1, at: At { seconds: 0.5 } };
    assert_eq!(server.server().broadcast_event(&tick).send(), 1);
    assert_eq!(server.server().broadcast("other", &7).send(), 1);
    assert_eq!(ticks.next().await.expect("an event").expect("a payload"), tick);
    assert_eq!(others.next().await.expect("an event").expect("a payload"), 7);
}

#[on("wipe", allow = "admin")]
async fn wipe() {}

#[tokio::test]
async fn every_role_reads_what_is_sent() {
    let server = server().methods(methods![wipe]).login(|_: Server, credentials: conduit::Credentials| async move {
        let who = Identity::new(credentials.token.clone());
        Ok::<_, String>(if credentials.token == "root" { who.with_role("admin") } else { who })
    });
    let server = start(server).await;
    let document = async |token| {
        let client = Client::connect(url(&server)).password(token).discover().await.expect("connected");
        client.discovered().expect("known").json().clone()
    };
    let (root, ann) = (document("root").await, document("ann").await);
    assert_eq!((root.get("x-partial"), &ann["x-partial"]), (None, &json!(true)));
    let handled = |document: &Value| document["x-events"].as_array().expect("a list").len();
    assert_eq!((handled(&root), handled(&ann)), (3, 2), "who may not wipe does not read of it");
    assert_eq!(ann["x-sent-events"], root["x-sent-events"]);
    assert_eq!(ann["x-sent-events"].as_array().expect("a list").len(), 4);
    let stranger = Client::connect(url(&server)).await.expect("connected");
    assert_eq!(stranger.discover().await.expect_err("no login").code(), Some(-32001));
}

mod elsewhere {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, Event)]
    #[event("tick")]
    pub(super) struct Tick(u64);
}

#[test]
fn two_payloads_of_one_event_are_refused_and_one_that_is_given_twice_is_not() {
    server().sends::<Tick>().sends::<Tick>().open().build().expect("it builds");
    let message = refusal(server().sends::<elsewhere::Tick>().sends::<Tick>());
    assert!(message.contains("`sends` gives the event `tick` two payloads, `"), "{message}");
    assert_eq!((message.matches("two payloads").count(), message.matches("sends.rs:").count()), (1, 2), "{message}");
    assert!(message.contains("sends::Tick` (") && message.contains("elsewhere::Tick` ("), "{message}");
}

/// A payload whose author wrote the name, and the schema, by hand.
macro_rules! by_hand {
    ($name:ident, $event:literal, $schema:tt) => {
        #[derive(Serialize, Deserialize)]
        struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }

        impl Event for $name {
            const NAME: &'static str = $event;
        }
    };
}

by_hand!(Nameless, "", {});
by_hand!(Any, "*", {});
by_hand!(Reserved, "rpc.error", {});
by_hand!(Broken, "broken", { "pattern": "(" });

#[test]
fn names_and_schemas_that_are_none_are_refused_all_at_once() {
    let message = refusal(builder(methods![]).sends::<Nameless>().sends::<Any>().sends::<Reserved>().sends::<Broken>());
    for why in ["an event ``", "an event `*`", "an event `rpc.error`", "the schema of event `broken` ("] {
        assert!(message.contains(why), "{why}: {message}");
    }
    assert_eq!(message.matches("sends.rs:").count(), 4, "{message}");
}

#[tokio::test]
async fn a_server_that_declares_nothing_says_so() {
    let server = start(builder(methods![]).open()).await;
    let document = Peer::connect(&server).await.result("rpc.discover", json!([])).await;
    assert_eq!(document["x-sent-events"], json!([]));
}
