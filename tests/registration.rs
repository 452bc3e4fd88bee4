//! What is registered, and what `build()` refuses: everything that is wrong, at once.

use conduit::{ErrorKind, Method, Server, methods, rpc};
use serde_json::json;

use crate::support::{Peer, builder, serve};

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

mod users {
    #[conduit::rpc(name = "user.create")]
    pub(super) async fn create(name: String) -> String {
        name
    }
}

mod other {
    #[conduit::rpc(name = "user.create")]
    pub(super) async fn create_again(name: String) -> String {
        name
    }
}

#[tokio::test]
async fn methods_given_by_hand_are_all_that_an_explicit_server_has() {
    let server = serve(methods![add, users::create]).await;
    let mut peer = Peer::connect(&server).await;
    let listed = peer.result("listall", json!([])).await;
    let names: Vec<&str> =
        listed.as_array().expect("a list").iter().filter_map(|method| method["name"].as_str()).collect();
    assert_eq!(names, ["add", "listall", "rpc.cancel", "rpc.discover", "rpc.login", "user.create"]);
    assert_eq!(peer.result("user.create", json!(["ann"])).await, "ann");
}

#[test]
fn the_type_beside_a_function_carries_its_method() {
    assert_eq!(<add as Method>::META.name, "add");
    assert_eq!(<add as Method>::META.description, "Add two numbers.");
    assert!(<add as Method>::META.location.file.ends_with("registration.rs"));
    type Params = <add as Method>::Params;
    let params = Params { a: 1, b: 2 };
    assert_eq!(json!(params), json!({ "a": 1, "b": 2 }));
}

fn refusal(result: conduit::Result<Server>) -> String {
    let error = result.expect_err("the server does not build");
    assert_eq!(error.kind(), ErrorKind::Build);
    error.to_string()
}

#[test]
fn two_methods_of_one_name_are_refused_with_both_places() {
    let message = refusal(builder(methods![users::create, other::create_again]).open().build());
    let place = |line: u32| format!("registration.rs:{line}");
    let lines = [<users::create as Method>::META.location.line, <other::create_again as Method>::META.location.line];
    assert!(message.contains("two methods are called `user.create`"), "{message}");
    assert!(lines.iter().all(|&line| message.contains(&place(line))), "{message}");
    assert_ne!(lines[0], lines[1]);
}

#[test]
fn one_function_given_twice_is_one_method() {
    builder(methods![add, add]).open().build().expect("the server builds");
}

struct Db;

#[rpc]
async fn store(_db: &Db, _key: String) {}

#[test]
fn a_state_that_nobody_gave_is_refused_with_method_and_type() {
    let message = refusal(builder(methods![store]).open().build());
    assert!(message.contains("method `store`") && message.contains("registration::Db"), "{message}");
    builder(methods![store]).open().state(Db).build().expect("the server builds");
}

type Outcome = Result<u8, String>;

#[rpc]
async fn alias() -> Outcome {
    Ok(1)
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let server = builder(methods![store, alias, users::create, other::create_again])
        .password("")
        .max_batch(0)
        .host("")
        .state(1_u8)
        .state(2_u8);
    let message = refusal(server.build());
    for part in [
        "`max_batch` is 0",
        "`host` is empty",
        "`password` is empty",
        "`u8` was given twice",
        "`&",
        "two methods",
        "`alias`",
    ] {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

#[test]
fn linked_methods_are_served_without_a_list() {
    // Every `#[rpc]` function of this program is linked in. Some borrow state, and two share a name, so the
    // server does not build; the message shows that they were found.
    let message = refusal(Server::builder().open().build());
    assert!(message.contains("two methods are called `user.create`"), "{message}");
    Server::builder().explicit().open().build().expect("a server without methods of its own builds");
}

#[rpc]
async fn contradiction(
    #[schemars(range(max = 10))]
    #[arg(default = 50)]
    level: u8,
) -> u8 {
    level
}

#[test]
fn a_default_that_its_argument_does_not_take_is_refused() {
    let message = refusal(builder(methods![contradiction]).open().build());
    assert!(message.contains("`contradiction`") && message.contains("the default of `level`"), "{message}");
}

/// Two functions of one name and one line of the source.
macro_rules! twins {
    ($a:ident, $b:ident) => {
        mod $a {
            #[conduit::rpc(name = "twin")]
            pub async fn twin() -> u8 {
                1
            }
        }
        mod $b {
            #[conduit::rpc(name = "twin")]
            pub async fn twin() -> u8 {
                2
            }
        }
    };
}

twins!(first_twin, second_twin);

#[test]
fn two_methods_of_one_name_are_refused_also_when_a_macro_writes_them_on_one_line() {
    let message = refusal(builder(methods![first_twin::twin, second_twin::twin]).open().build());
    assert!(message.contains("two methods are called `twin`"), "{message}");
}

#[test]
fn a_handler_of_no_event_is_refused_with_its_place() {
    let none: [&str; 0] = [];
    let error = Server::builder().explicit().open().on(none, async |_: conduit::Connection| {}).build();
    let error = error.expect_err("the server does not build").to_string();
    assert!(error.contains("a handler is given for no event") && error.contains("registration.rs:"), "{error}");
}
