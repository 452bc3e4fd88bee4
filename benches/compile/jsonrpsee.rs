//! The same method of jsonrpsee, which describes and checks nothing: what stands between the marks, `benches compile`
//! repeats.

use jsonrpsee::{
    core::{RpcResult, async_trait},
    proc_macros::rpc,
    server::Server,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    username: String,
    age: u8,
}

#[rpc(server)]
trait Api {
    // repeated
    /// Creates a user.
    #[method(name = "method_0", param_kind = map)]
    async fn method_0(
        &self,
        username: String,
        age: u8,
        active: Option<bool>,
        nickname: Option<String>,
    ) -> RpcResult<User>;
    // end
}

struct Service;

#[async_trait]
impl ApiServer for Service {
    // repeated
    async fn method_0(
        &self,
        username: String,
        age: u8,
        active: Option<bool>,
        nickname: Option<String>,
    ) -> RpcResult<User> {
        let _ = (active, nickname);
        Ok(User { username, age })
    }
    // end
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    Server::builder().build("127.0.0.1:0").await?.start(Service.into_rpc()).stopped().await;
    Ok(())
}
