//! The same method with no framework: a struct of its arguments, which serde reads and schemars describes, and an arm of a
//! `match`. Nothing is checked, and there are no connections. What stands between the marks, `benches compile` repeats.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct User {
    username: String,
    age: u8,
}

// repeated
/// Creates a user.
async fn method_0(method_0_params { username, age, active, nickname }: method_0_params) -> User {
    let _ = (active, nickname);
    User { username, age }
}

#[allow(non_camel_case_types)]
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct method_0_params {
    #[schemars(length(min = 3, max = 30))]
    username: String,
    #[schemars(range(max = 150))]
    age: u8,
    #[serde(default = "yes")]
    active: bool,
    nickname: Option<String>,
}
// end

fn yes() -> bool {
    true
}

async fn dispatch(method: &str, params: &str) -> serde_json::Result<String> {
    match method {
        // repeated
        "method_0" => serde_json::to_string(&method_0(serde_json::from_str(params)?).await),
        "method_0.schemas" => {
            serde_json::to_string(&(schemars::schema_for!(method_0_params), schemars::schema_for!(User)))
        }
        // end
        _ => Ok(String::new()),
    }
}

#[tokio::main]
async fn main() -> serde_json::Result<()> {
    let [method, params] = [1, 2].map(|at| std::env::args().nth(at).unwrap_or_default());
    println!("{}", dispatch(&method, &params).await?);
    Ok(())
}
