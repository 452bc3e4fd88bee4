//! Hooks in all the ways that functions can be written, in a strict crate.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, clippy::pedantic)]

use conduit::{Connection, Disconnected, Server, hooks, on_client_connect, on_client_disconnect, on_startup};

/// State.
#[derive(Debug, Default)]
pub struct Db;

/// Names of the user's and the expanded code's do not meet.
#[on_startup]
pub async fn bound(occasion: &Server, output: &Db) -> Result<(), std::io::Error> {
    let _ = (occasion, output);
    Ok(())
}

/// A pattern, another order, no `async`, and another name for the crate.
#[on_client_disconnect(crate = ::conduit)]
pub fn left(Disconnected { code, mut reason, .. }: Disconnected, _: &Db, client: &Connection) {
    reason.push('!');
    let _ = (code, client);
}

/// Nothing at all.
#[on_client_connect()]
pub async fn r#match() {}

mod inner {
    #[conduit::on_shutdown]
    pub(crate) fn stop(server: &conduit::Server) -> Result<(), String> {
        Err(server.name().to_owned())
    }
}

/// Is not there.
#[on_startup]
#[cfg(any())]
pub async fn gone(missing: &Missing) {}

macro_rules! hooks_of {
    ($($name:ident $state:ty;)*) => {$(
        /// Does something.
        #[on_startup]
        pub async fn $name(state: &$state) {
            let _ = state;
        }
    )*};
}
hooks_of! {
    of_db Db;
    of_server Server;
}

fn main() {
    let by_hand = hooks![bound, left, r#match, inner::stop, of_db, of_server];
    let told = format!("{by_hand:?}");
    assert!(told.contains("\"left\", moment: ClientDisconnect") && told.contains("\"match\", moment: ClientConnect"));
    Server::builder().explicit().open().state(Db).hooks(by_hand).build().expect("built");
    Server::builder().open().state(Db).build().expect("built");
}
