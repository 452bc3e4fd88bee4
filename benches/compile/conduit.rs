//! A method of conduit: what stands between the marks, `benches compile` repeats.

use conduit::{Server, rpc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct User {
    username: String,
    age: u8,
}

// repeated
/// Creates a user.
#[rpc]
async fn method_0(
    #[schemars(length(min = 3, max = 30))] username: String,
    #[schemars(range(max = 150))] age: u8,
    #[arg(default = true)] active: bool,
    nickname: Option<String>,
) -> User {
    let _ = (active, nickname);
    User { username, age }
}
// end

fn main() -> conduit::Result<()> {
    Server::builder().open().build()?.run_blocking()
}
