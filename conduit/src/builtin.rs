//! The methods that every server has. They are `#[rpc]` functions like any other, so `listall` lists them too.

use std::{borrow::Cow, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{
    json,
    value::{RawValue, Value},
};

use crate::{
    Connection, RpcError, Server,
    description::MethodDescription,
    discovery::Documents,
    identity::{Credentials, Refusal},
    macro_support::schemars,
    method::MethodDescriptor,
    methods,
    protocol::{ErrorCode, ErrorObject, Id},
    rpc,
    rpc_error::ErrorDescription,
};

pub(crate) fn methods() -> Vec<MethodDescriptor> {
    methods![listall, discover, login, cancel]
}

/// List all methods that the caller may call: name, description, argument and result schemas, errors, sorted by name.
#[rpc(name = "listall", idempotent, builtin)]
async fn listall(server: &Server, client: &Connection) -> Result<List, ErrorObject> {
    Ok(List(server.documents(client)?))
}

/// Describe the service as an OpenRPC 1.4 document.
#[rpc(name = "rpc.discover", idempotent, builtin)]
async fn discover(server: &Server, client: &Connection) -> Result<OpenRpc, ErrorObject> {
    Ok(OpenRpc(server.documents(client)?))
}

/// Log in with the server's token. Methods that are not public can be called from then on.
#[rpc(name = "rpc.login", public, builtin)]
async fn login(
    server: &Server,
    client: &Connection,
    /// The token, or password, of the server.
    token: String,
    /// The version that the client is of, such as `1.2.0`.
    version: Option<String>,
) -> Result<Login, LoginError> {
    let done = Login { server: server.name().into(), version: server.config().version.clone() };
    // It may have been told in the upgrade already.
    let version = version.or_else(|| client.header("conduit-version").map(str::to_owned));
    let credentials = Credentials::new(token, version, client.handshake());
    if !client.begin_login() {
        let identity = server.authenticate(credentials).await.map_err(LoginError)?;
        return if client.identity() == Some(&identity) { Ok(done) } else { Err(LoginError(TAKEN.into())) };
    }
    let _given_up = GiveUp(client);
    let identity = server.authenticate(credentials).await.map_err(LoginError)?;
    server.welcome(client, identity).await.map_err(LoginError)?;
    Ok(done)
}

/// Take a call back that is still running: it is dropped, and answered with error -32004. Says whether there
/// was such a call.
#[rpc(name = "rpc.cancel", public, builtin)]
async fn cancel(client: &Connection, id: CallId) -> bool {
    client.cancel(&id.0)
}

/// Ends a login that has not succeeded, also one that is dropped on its way. Does nothing to one that has.
struct GiveUp<'a>(&'a Connection);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.give_up_login();
    }
}

/// Why a second login is refused.
const TAKEN: &str = "this connection is logged in as another identity: log in on a new one";

/// What a login is answered with.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "schemars")]
struct Login {
    /// The name of the server.
    server: String,
    /// The version of the service.
    version: String,
}

/// Why a login was refused.
struct LoginError(Refusal);

impl RpcError for LoginError {
    fn to_error_object(&self) -> ErrorObject {
        self.0.to_error_object()
    }

    fn describe() -> Vec<ErrorDescription> {
        let data =
            |name: &str, schema: Value| json!({ "type": "object", "properties": { name: schema }, "required": [name] });
        let errors = [
            (ErrorCode::Unauthorized, None),
            (ErrorCode::ShuttingDown, Some(data("closing", json!({ "type": "boolean" })))),
            (ErrorCode::RateLimited, Some(data("retry_after_ms", json!({ "type": "integer", "minimum": 0 })))),
            (ErrorCode::InternalError, None),
        ];
        let describe = |(code, data): (ErrorCode, _)| ErrorDescription {
            code: code.code(),
            message: "login failed: {reason}".into(),
            data,
        };
        errors.map(describe).into()
    }

    fn from_error_object(object: &ErrorObject) -> Option<Self> {
        let reason = object.message().strip_prefix("login failed: ")?.to_owned();
        let code = ErrorCode::from_code(object.code())?;
        let is_known = Self::describe().iter().any(|error| error.code == object.code());
        is_known.then(|| Self(Refusal { code, reason, data: object.data_as() }))
    }
}

/// The id of a call, of any of the kinds that an id can be.
struct CallId(Id);

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("an id is a string, a number or null");
        Id::parse(raw.get()).map(Self).ok_or_else(wrong)
    }
}

impl JsonSchema for CallId {
    fn schema_name() -> Cow<'static, str> {
        "CallId".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "null"], "description": "The id of the call." })
    }
}

/// A list of [`MethodDescription`]s that is written already.
struct List(Arc<Documents>);

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.list.serialize(serializer)
    }
}

impl JsonSchema for List {
    fn schema_name() -> Cow<'static, str> {
        "Methods".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<MethodDescription>::json_schema(generator)
    }
}

/// An OpenRPC document that is written already.
struct OpenRpc(Arc<Documents>);

impl Serialize for OpenRpc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.openrpc.serialize(serializer)
    }
}

impl JsonSchema for OpenRpc {
    fn schema_name() -> Cow<'static, str> {
        "OpenRPC".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "An OpenRPC 1.4 document" })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_way_to_fail_a_login_is_described_and_comes_back_as_itself() {
        let refusals = [
            Refusal::from("the token is wrong"),
            Refusal::shutting_down(),
            Refusal::for_now("the server is full".into(), Duration::from_secs(5)),
            Refusal::unheard("the server failed"),
        ];
        assert_eq!(LoginError::describe().len(), refusals.len());
        for refusal in refusals {
            let sent = LoginError(refusal).to_error_object();
            let described = LoginError::describe().into_iter().find(|error| error.code == sent.code());
            let described = described.unwrap_or_else(|| panic!("{sent} is not described"));
            let fits = |schema| jsonschema::is_valid(&schema, &sent.data_as().unwrap_or_default());
            assert_eq!(described.data.map(fits), sent.data().map(|_| true), "{sent}");
            let back = LoginError::from_error_object(&sent).unwrap_or_else(|| panic!("{sent} is unknown"));
            assert_eq!(back.to_error_object(), sent);
        }
        assert!(LoginError::from_error_object(&ErrorObject::new(-32001, "no login")).is_none());
        assert!(LoginError::from_error_object(&ErrorObject::new(404, "login failed: no")).is_none());
    }
}
