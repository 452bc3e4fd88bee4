//! `import!`: a client that knows a server by its saved document alone.

mod service;

use std::collections::BTreeMap;

use conduit::{Client, Event, RpcError, RunningServer};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{PATIENCE, Peer, start};

/// What the saved document makes.
mod api {
    conduit::import!("import/service.json");
}

/// The example of the documentation.
mod documented {
    conduit::import!("../conduit/docs/users.json");
}

async fn connect() -> (RunningServer, Client) {
    let server = service::serve().await;
    let client = Client::connect(format!("ws://{}", server.address())).await.expect("connected");
    (server, client)
}

#[tokio::test]
async fn the_saved_document_is_what_the_server_says() {
    let server = service::serve().await;
    let said = Peer::connect(&server).await.result("rpc.discover", json!([])).await;
    is_saved("import/service.json", &said);
}

/// Compares what is made of a saved document with what is made of the server's, which is written to a file if they
/// differ. The methods that every server has are not looked at.
fn is_saved(path: &str, said: &Value) {
    let saved = std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("the document");
    if conduit_codegen::source(&saved) != conduit_codegen::source(&said.to_string()) {
        let now = format!("{}/{}", env!("CARGO_TARGET_TMPDIR"), path.replace('/', "-"));
        std::fs::write(&now, format!("{said:#}\n")).expect("a file");
        panic!("tests/{path} is not what the server says: see whether it should be, and `cp {now} tests/{path}`");
    }
}

#[tokio::test]
async fn calls_are_typed_and_what_is_left_out_has_the_servers_default() {
    let (_server, client) = connect().await;
    assert_eq!(api::add::call(&client, 2, 3).await.expect("an answer"), 5);
    let ada = api::user::create::call(&client, "ada".into(), 36, None, None).await.expect("created");
    let wanted = api::User { id: 1, user_name: "ada".into(), role: api::Role::Member, r#type: None };
    assert_eq!(ada, wanted);
    let root = api::user::create::call(&client, "root".into(), 36, Some(false), Some(api::Role::SuperUser));
    assert_eq!(
        root.await.expect("created"),
        api::User { id: 0, user_name: "root".into(), role: api::Role::SuperUser, ..wanted }
    );
}

#[tokio::test]
async fn names_that_rust_has_for_itself_are_names_too() {
    let (_server, client) = connect().await;
    let answer = api::r#match::call(&client, "a".into(), Some(2), 1).await.expect("an answer");
    assert_eq!(answer, ("a".into(), 2, 1));
    assert_eq!(
        api::later_first::call(&client, Some("note".into()), "ada".into()).await.expect("an answer"),
        "ada note"
    );
}

#[tokio::test]
async fn a_call_can_be_made_of_its_parts() {
    let (_server, client) = connect().await;
    let mut batch = client.batch();
    let sum = batch.call::<api::add::Output>(api::add::NAME, api::add::Params { a: 1, b: 2 });
    let list = batch.call::<api::user::list::Output>(api::user::list::NAME, ());
    let answers = batch.send().await.expect("answers");
    assert_eq!(answers.take(sum).expect("a sum"), 3);
    let error = answers.take(list).expect_err("the server is busy");
    assert_eq!(error.decode(), Some(api::user::list::Error::NotNow));
}

#[test]
fn clients_of_every_kind_make_the_same_calls() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(service::serve());
    let client =
        conduit::blocking::Client::connect(format!("ws://{}", server.address())).blocking().expect("connected");
    assert_eq!(api::add::call(&client, 2, 3).expect("an answer"), 5);
    let error = api::user::get::call(&client, 7).expect_err("nobody is there");
    assert_eq!(error.decode(), Some(api::user::Error::NotFound { id: 7 }));
    let piped = runtime.block_on(async { conduit::testing::connect(server.server()).await }).expect("connected");
    assert_eq!(runtime.block_on(api::add::call(&piped, 2, 3)).expect("an answer"), 5);
}

#[tokio::test]
async fn errors_come_back_as_the_documents_enum() {
    use api::user::Error;
    let (_server, client) = connect().await;
    let error = api::user::get::call(&client, 7).await.expect_err("nobody is there");
    assert_eq!(error.decode(), Some(Error::NotFound { id: 7 }));
    assert_eq!(error.decode::<Error>().map(|error| error.to_string()).as_deref(), Some("user 7 not found"));
    // The methods that have the same errors share them.
    let create =
        async |name: &str| api::user::create::call(&client, name.into(), 3, None, None).await.expect_err("refused");
    for (name, wanted, text) in [
        ("taken", Error::TheNameIsTaken("taken".into()), "the name `taken` is taken"),
        ("nobody", Error::NobodyMay, "nobody may"),
        ("many", Error::Left(1, 3), "1 of 3 are left"),
    ] {
        let error = create(name).await.decode::<api::user::create::Error>().expect("an error of the method");
        assert_eq!((error.to_string().as_str(), error.to_error_object().message()), (text, text));
        assert_eq!(error, wanted);
    }
    let invalid = create("x").await;
    assert_eq!((invalid.code(), invalid.decode::<Error>()), (Some(-32602), None));
}

#[tokio::test]
async fn values_of_every_type_come_back_as_they_were() {
    let (_server, client) = connect().await;
    let named = api::Named { name: "n".into() };
    for shape in [
        api::Shape::Circle { radius: 1.5 },
        api::Shape::Square { side: 0.5 },
        api::Shape::Named(named),
        api::Shape::Empty,
    ] {
        assert_eq!(api::echo::shape::call(&client, shape.clone()).await.expect("an answer"), shape);
    }
    let walk = api::StepMove { x: -1, y: 1 };
    let steps = vec![api::Step::Stop, api::Step::Move(walk), api::Step::Say("hi".into()), api::Step::Turn(0.5, 1.0)];
    assert_eq!(api::echo::steps::call(&client, steps.clone()).await.expect("an answer"), steps);
    let pair = api::KeyObject { first: 1, second: 2 };
    for key in [api::Key::Integer(-7), api::Key::String("k".into()), api::Key::Object(pair)] {
        assert_eq!(api::echo::key::call(&client, key.clone()).await.expect("an answer"), key);
    }
    let leaf = |label: &str| api::Tree { label: label.into(), children: vec![], parent: None };
    let tree = api::Tree { children: vec![leaf("a"), leaf("b")], parent: Some(Box::new(leaf("p"))), ..leaf("root") };
    assert_eq!(api::echo::tree::call(&client, tree.clone()).await.expect("an answer"), tree);
}

#[tokio::test]
async fn integers_tuples_maps_and_flattened_enums_keep_their_types() {
    let (_server, client) = connect().await;
    let all = api::Everything {
        bytes: [1, 2, 3],
        point: (0.5, -0.5),
        counts: BTreeMap::from([("a".into(), u32::MAX)]),
        by_number: BTreeMap::from([("7".into(), "seven".into())]),
        signed: (i8::MIN, i16::MIN, i32::MIN, i64::MIN),
        unsigned: (u8::MAX, u16::MAX, u32::MAX, u64::MAX),
        nothing: (),
        anything: json!([{ "any": null }]),
        maybe: None,
        left_out: None,
        word: "word".into(),
        kind: api::EverythingKind::B { c: vec!["b".into()] },
    };
    let sent = serde_json::to_value(&all).expect("JSON");
    let back = api::echo::everything::call(&client, all.clone()).await.expect("an answer");
    assert_eq!((back.unsigned, back.signed, back.bytes), (all.unsigned, all.signed, all.bytes));
    assert_eq!((back.left_out.as_slice(), &back.maybe), (&[][..], &None));
    let mut back = serde_json::to_value(&back).expect("JSON");
    back.as_object_mut().expect("an object").retain(|name, _| sent.get(name).is_some());
    assert_eq!(back, sent);
}

#[tokio::test]
async fn arguments_that_depend_on_each_other_are_one() {
    use api::user::find::{Arguments, ArgumentsKind};
    let (_server, client) = connect().await;
    let by_name = Arguments { most: 3, kind: ArgumentsKind::Name { name: "ada".into() } };
    assert_eq!(api::user::find::call(&client, by_name).await.expect("an answer"), "Name { name: \"ada\" } 3");
}

#[tokio::test]
#[expect(deprecated, reason = "that it is said to be is what is tested")]
async fn what_the_document_calls_deprecated_is_so_in_rust() {
    let (_server, client) = connect().await;
    let ada = api::User { id: 1, user_name: "ada".into(), role: api::Role::Member, r#type: Some("person".into()) };
    let eve = api::user::rename::call(&client, ada.clone(), "eve".into()).await.expect("renamed");
    assert_eq!(eve, api::User { user_name: "eve".into(), ..ada });
}

/// The first event that reaches a handler.
async fn heard<E: Event + Clone + Sync>(client: &Client, event: &E) -> E {
    let (tell, mut told) = mpsc::unbounded_channel();
    let _subscription = client.on_event(move |event: E| {
        let tell = tell.clone();
        async move { tell.send(event).expect("somebody listens") }
    });
    client.send_event(event).await.expect("sent");
    tokio::time::timeout(PATIENCE, told.recv()).await.expect("an event in time").expect("a handler")
}

#[tokio::test]
async fn events_of_the_document_are_sent_and_handled_by_their_types() {
    let (_server, client) = connect().await;
    assert_eq!((api::Chat::NAME, api::DoubleIt::NAME), ("chat", "double.it"));
    let hello = api::Chat { text: "hello".into() };
    assert_eq!(heard(&client, &hello).await, hello);
    assert_eq!(heard(&client, &api::DoubleIt(21)).await, api::DoubleIt(42));
    let user = api::User { id: 1, user_name: "ada".into(), role: api::Role::Member, r#type: None };
    assert_eq!(heard(&client, &user).await, user);
    let ack = client.call::<api::ChatAck>(api::Chat::NAME, &hello).await.expect("an ack");
    assert_eq!(ack, 5);
}

#[tokio::test]
async fn events_that_the_server_sends_are_heard_by_their_types() {
    let (server, client) = connect().await;
    assert_eq!((api::Tick::NAME, api::Temperature::NAME), ("tick", "temperature"));
    let (tell, mut told) = mpsc::unbounded_channel();
    client.on_event(move |tick: api::Tick| {
        let tell = tell.clone();
        async move { tell.send(tick).expect("somebody listens") }
    });
    let mut temperatures = client.events::<api::Temperature>(api::Temperature::NAME);
    client.listall().await.expect("logged in");
    server.server().broadcast_event(&service::Tick { n: 7, note: None }).send();
    server.server().broadcast_event(&service::Temperature(-0.5)).send();
    let tick = tokio::time::timeout(PATIENCE, told.recv()).await.expect("an event in time").expect("a handler");
    assert_eq!(tick, api::Tick { n: 7, note: None });
    let temperature = tokio::time::timeout(PATIENCE, temperatures.next()).await.expect("an event in time");
    assert_eq!(temperature.expect("an event").expect("a payload"), api::Temperature(-0.5));
}

#[tokio::test]
async fn an_event_with_a_payload_for_each_way_has_a_type_for_each() {
    let (_server, client) = connect().await;
    assert_eq!((api::Shout::NAME, api::ShoutSent::NAME), ("shout", "shout"));
    let mut heard = client.events::<api::ShoutSent>(api::ShoutSent::NAME);
    client.send_event(&api::Shout { text: "hey".into() }).await.expect("sent");
    let shout = tokio::time::timeout(PATIENCE, heard.next()).await.expect("an event in time").expect("an event");
    assert_eq!(shout.expect("a payload"), api::ShoutSent { name: "somebody".into(), text: "hey".into() });
}

#[tokio::test]
async fn events_that_are_sent_hold_types_that_methods_have_too() {
    let (server, client) = connect().await;
    let mut promoted = client.events::<api::Promoted>(api::Promoted::NAME);
    let mut changed = client.events::<api::TreeChanged>(api::TreeChanged::NAME);
    client.listall().await.expect("logged in");
    let user = service::User { id: 1, name: "ada".into(), role: service::Role::SuperUser, kind: None };
    server.server().broadcast_event(&service::Promoted(user)).send();
    let tree = service::Tree { label: "oak".into(), children: vec![], parent: None };
    server.server().broadcast_event(&service::Changed::Grown { tree }).send();
    server.server().broadcast_event(&service::Changed::Cut).send();
    let mut changes = Vec::new();
    for _ in 0..2 {
        let change = tokio::time::timeout(PATIENCE, changed.next()).await.expect("an event in time");
        changes.push(change.expect("an event").expect("a payload"));
    }
    let tree = api::Tree { label: "oak".into(), children: vec![], parent: None };
    assert_eq!(changes, [api::TreeChanged::Grown { tree }, api::TreeChanged::Cut]);
    let api::Promoted(user) = promoted.next().await.expect("an event").expect("a payload");
    assert_eq!((user.user_name.as_str(), user.role), ("ada", api::Role::SuperUser));
}

#[test]
fn the_source_says_of_an_event_which_way_it_goes() {
    let source = conduit_codegen::source(include_str!("import/service.json")).expect("a document");
    for line in [
        "/// The event `chat`, which the server handles and sends.",
        "/// The event `double.it`, which the server handles.",
        "/// The event `tick`, which the server sends.",
        "/// The event `shout`, which the server handles.",
        "/// The event `shout`, which the server sends.",
    ] {
        assert_eq!(source.matches(line).count(), 1, "{line}");
    }
}

#[test]
fn types_have_the_rules_of_their_schemas() {
    let schema = |schema: schemars::Schema| schema.to_value();
    let chat = schema(schemars::schema_for!(api::Chat));
    assert_eq!(chat["properties"]["text"]["minLength"], 1);
    assert_eq!(schema(schemars::schema_for!(api::DoubleIt))["maximum"], 1000);
    let word = &schema(schemars::schema_for!(api::Everything))["properties"]["word"];
    assert_eq!((&word["minLength"], &word["pattern"]), (&json!(1), &json!("^[a-z]+$")));
}

/// The server of the documentation's example.
mod users {
    use conduit::{Connection, Event, RpcError, ServerBuilder, methods, on, rpc};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use crate::support::builder;

    /// Somebody who can log in.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub struct User {
        id: u64,
        name: String,
        email: String,
    }

    #[derive(Debug, thiserror::Error, RpcError)]
    pub enum UserError {
        #[error("user {id} not found")]
        #[rpc(code = 404)]
        NotFound { id: u64 },
    }

    /// Create a user.
    #[rpc(name = "user.create")]
    async fn create(
        /// The name to log in with.
        #[schemars(length(min = 3, max = 30))]
        name: String,
        #[schemars(email)] email: String,
        #[arg(default = true)] active: bool,
    ) -> User {
        User { id: u64::from(active), name, email }
    }

    /// Look a user up.
    #[rpc(name = "user.get")]
    async fn get(id: u64) -> Result<User, UserError> {
        Err(UserError::NotFound { id })
    }

    /// Somebody says something.
    #[derive(Serialize, Deserialize, JsonSchema, Event)]
    #[event("chat")]
    struct Chat {
        #[schemars(length(min = 1))]
        text: String,
    }

    #[on("chat")]
    async fn chat(client: &Connection, said: Chat) {
        client.send_event(&said);
    }

    pub fn server() -> ServerBuilder {
        builder(methods![create, get, chat]).sends::<Chat>().open().name("Users").version("1.0.0")
    }
}

#[tokio::test]
async fn the_documented_example_does_what_it_says() {
    let server = start(users::server()).await;
    let said = Peer::connect(&server).await.result("rpc.discover", json!([])).await;
    is_saved("../conduit/docs/users.json", &said);
    let client = Client::connect(format!("ws://{}", server.address())).await.expect("connected");
    let user = documented::user::create::call(&client, "ada".into(), "ada@example.org".into(), None).await;
    assert_eq!(user.expect("created").name, "ada");
    let error = documented::user::get::call(&client, 7).await.expect_err("nobody is there");
    assert_eq!(error.decode(), Some(documented::user::get::Error::NotFound { id: 7 }));
    let hello = documented::Chat { text: "hello".into() };
    assert_eq!(heard(&client, &hello).await, hello);
}
