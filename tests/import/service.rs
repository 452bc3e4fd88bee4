//! The server whose document is imported: a type of each kind, echoed by the method that takes it.

use std::collections::BTreeMap;

use conduit::{Connection, Event, MethodDescriptor, RpcError, RunningServer, methods, on, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::{builder, start};

/// Somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// The number, given when it is created.
    pub id: u64,
    #[serde(rename = "userName")]
    pub name: String,
    pub role: Role,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Member,
    /// May do anything.
    SuperUser,
}

/// A shape, told apart by a member.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Shape {
    Circle {
        radius: f64,
    },
    Square {
        side: f32,
    },
    /// A struct of its own.
    Named(Named),
    Empty,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    pub name: String,
}

/// A step, told apart by its name.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Step {
    Stop,
    Move { x: i32, y: i32 },
    Say(String),
    Turn(f64, f64),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub enum Letter {
    A(u8),
    B(Vec<String>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Key {
    Number(i64),
    Text(String),
    Pair { first: u8, second: u8 },
}

/// A tree, which holds trees.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tree {
    pub label: String,
    pub children: Vec<Tree>,
    pub parent: Option<Box<Tree>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Everything {
    pub bytes: [u8; 3],
    pub point: (f64, f64),
    pub counts: BTreeMap<String, u32>,
    pub by_number: BTreeMap<u16, String>,
    pub signed: (i8, i16, i32, i64),
    pub unsigned: (u8, u16, u32, u64),
    pub nothing: (),
    pub anything: Value,
    pub maybe: Option<Vec<Role>>,
    #[serde(default)]
    pub left_out: Vec<u8>,
    #[schemars(length(min = 1), pattern("^[a-z]+$"))]
    pub word: String,
    #[serde(flatten)]
    pub letter: Letter,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by")]
pub enum Selector {
    Id { id: u64 },
    Name { name: String },
}

#[derive(Debug, thiserror::Error, RpcError)]
pub enum UserError {
    #[error("user {id} not found")]
    #[rpc(code = 404)]
    NotFound { id: u64 },
    #[error("the name `{0}` is taken")]
    #[rpc(code = 409)]
    Taken(String),
    #[error("nobody may")]
    #[rpc(code = 403)]
    Forbidden,
    #[error("{0} of {1} are left")]
    #[rpc(code = 429)]
    Left(u8, u8),
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("not now")]
#[rpc(code = 503)]
pub struct Busy;

/// Add two numbers.
///
/// Sums are exact.
#[rpc(idempotent)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Create a user.
#[rpc(name = "user.create")]
async fn create(
    /// The name to log in with.
    #[schemars(length(min = 3, max = 30))]
    name: String,
    #[schemars(range(max = 150))] age: u8,
    #[arg(default = true)] active: bool,
    role: Option<Role>,
) -> Result<User, UserError> {
    match (name.as_str(), age) {
        ("taken", _) => Err(UserError::Taken(name)),
        ("nobody", _) => Err(UserError::Forbidden),
        ("many", _) => Err(UserError::Left(1, age)),
        _ => Ok(User { id: u64::from(active), name, role: role.unwrap_or(Role::Member), kind: None }),
    }
}

#[rpc(name = "user.get")]
async fn get(id: u64) -> Result<User, UserError> {
    Err(UserError::NotFound { id })
}

#[rpc(name = "user.list")]
async fn list() -> Result<Vec<User>, Busy> {
    Err(Busy)
}

#[rpc(name = "user.rename", deprecated)]
async fn rename(user: User, name: String) -> User {
    User { name, ..user }
}

/// Arguments that depend on each other.
#[rpc(name = "user.find")]
async fn find(#[arg(flatten)] selector: Selector, most: u8) -> String {
    format!("{selector:?} {most}")
}

/// A word of Rust as a name, and arguments that are called so.
#[rpc(name = "match")]
async fn keywords(r#type: String, client: Option<u8>, #[serde(rename = "self")] this: u8) -> (String, u8, u8) {
    (r#type, client.unwrap_or_default(), this)
}

/// What may be left out stands first, so that the call is by name.
#[rpc(name = "later-first")]
async fn later_first(note: Option<String>, name: String) -> String {
    format!("{name} {}", note.unwrap_or_default())
}

#[rpc(name = "echo.shape")]
async fn shape(shape: Shape) -> Shape {
    shape
}

#[rpc(name = "echo.steps")]
async fn steps(steps: Vec<Step>) -> Vec<Step> {
    steps
}

#[rpc(name = "echo.key")]
async fn key(key: Key) -> Key {
    key
}

#[rpc(name = "echo.tree")]
async fn tree(tree: Tree) -> Tree {
    tree
}

#[rpc(name = "echo.everything")]
async fn everything(all: Everything) -> Everything {
    all
}

/// Somebody says something.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("chat")]
pub struct Chat {
    #[schemars(length(min = 1))]
    text: String,
}

/// What is said goes back to who said it, and is counted.
#[on("chat")]
async fn chat(client: &Connection, said: Chat) -> usize {
    client.send_event(&said);
    said.text.len()
}

/// A number goes back doubled.
/// A number that is no object.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Small(#[schemars(range(max = 1000))] u32);

#[on("double.it")]
async fn double(client: &Connection, n: Small) {
    client.send("double.it", &(2 * n.0));
}

#[on("somebody")]
async fn somebody(client: &Connection, user: User) {
    client.send("somebody", &user);
}

/// A second went by.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("tick")]
pub struct Tick {
    /// How many went by before.
    pub n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How warm it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("temperature")]
pub struct Temperature(pub f64);

/// Somebody may do more.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("promoted")]
pub struct Promoted(pub User);

/// What happens to the tree.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("tree.changed")]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Changed {
    Grown { tree: Tree },
    Cut,
}

/// What somebody wants to be said.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Shout {
    text: String,
}

/// What is said, and who says it.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Event)]
#[event("shout")]
pub struct Shouted {
    name: String,
    text: String,
}

#[on("shout")]
async fn shout(client: &Connection, shout: Shout) {
    client.send_event(&Shouted { name: "somebody".into(), text: shout.text });
}

fn all() -> Vec<MethodDescriptor> {
    let mut all =
        methods![add, create, get, list, rename, find, keywords, later_first, shape, steps, key, tree, everything];
    all.extend(methods![chat, double, somebody, shout]);
    all
}

pub async fn serve() -> RunningServer {
    let server = builder(all()).open().name("Service").version("1.0.0");
    let server = server.sends::<Chat>().sends::<Shouted>().sends::<Temperature>().sends::<Tick>();
    start(server.sends::<Promoted>().sends::<Changed>()).await
}
