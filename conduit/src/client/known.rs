//! What a client has learned of its server, and what it refuses to send for that.

use std::sync::{
    PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

use serde_json::value::RawValue;

use super::Client;
use crate::{
    description::MethodDescription,
    error::{Error, Result},
    openrpc::OpenRpc,
    pending_call::PendingCall,
    protocol::ErrorObject,
};

/// The method by which a service tells of itself: "service discovery" in the OpenRPC specification.
const DISCOVER: &str = "rpc.discover";

impl Client {
    /// Asks for the methods that the server has, sorted by name.
    pub fn listall(&self) -> PendingCall<Vec<MethodDescription>> {
        self.call("listall", ()).idempotent()
    }

    /// Asks for the server's OpenRPC document, and holds every call, notification and event from then on against it.
    ///
    /// What the document refuses is not sent: the error is the one that the server would answer with, with the same
    /// [faults](crate::Error::faults), and [`is_unsent`](crate::Error::is_unsent) tells it from the server's own. A name that there is
    /// not is refused with the one that was probably meant. Clones of the client share the document; asking again
    /// replaces it, and so does the client itself when it has reconnected: until it has the new one, calls go out
    /// unchecked, those among them that wait for the connection, as the server may have changed. [`Connect::discover`](crate::Connect::discover) asks while connecting, and [`Connect::trust_server`](crate::Connect::trust_server) leaves the checks to the
    /// server.
    ///
    /// ```no_run
    /// # use conduit::Client;
    /// # use serde_json::json;
    /// # async fn example(client: Client) -> conduit::Result<()> {
    /// let document = client.discover().await?;
    /// println!("{} {}", document.title(), document.version());
    /// let error = client.call::<i64>("add", json!({"a": 2, "b": "three"})).await.unwrap_err();
    /// assert!(error.is_unsent());
    /// assert_eq!(error.faults()[0].path, "/b");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of a [call](PendingCall): `Rpc` with code -32601 where the server describes itself to nobody, `Decode` for
    /// what is no OpenRPC document.
    ///
    /// # Cancel safety
    /// Dropping the future leaves what was known before.
    pub async fn discover(&self) -> Result<OpenRpc> {
        loop {
            let connection = self.known.connection();
            let document: OpenRpc = self.call(DISCOVER, ()).idempotent().await?;
            self.known.learn(document.clone(), connection);
            // Where the connection changed meanwhile, nobody knows whether the last server told it or this one.
            if [0, connection].contains(&self.known.connection()) {
                return Ok(document);
            }
        }
    }

    /// Asks again for what was asked for on an earlier connection, if it was.
    pub(super) async fn discover_again(&self) {
        if self.known.document().is_some()
            && let Err(error) = self.discover().await
        {
            tracing::warn!(%error, "the server was not described anew: calls are sent unchecked");
        }
    }

    /// The document of the last [`discover`](Self::discover), by this client or a clone of it.
    #[must_use]
    pub fn discovered(&self) -> Option<OpenRpc> {
        self.known.document()
    }
}

/// The document of the server, once it was asked for; clones of a client share it.
#[derive(Debug)]
pub(super) struct Known {
    told: RwLock<Option<Told>>,
    /// The number of the connection that is there, 0 when there is none.
    connection: AtomicU64,
    /// Whether calls are held against it.
    checks: bool,
}

#[derive(Debug)]
struct Told {
    document: OpenRpc,
    /// The connection over which it was told. The next one may lead to a server of another version.
    connection: u64,
}

impl Known {
    pub(super) fn new(checks: bool) -> Self {
        Self { told: RwLock::default(), connection: AtomicU64::new(0), checks }
    }

    /// The connection that is there, over which is told what is asked for now.
    pub(super) fn connection(&self) -> u64 {
        self.connection.load(Ordering::Acquire)
    }

    pub(super) fn learn(&self, document: OpenRpc, connection: u64) {
        *self.write() = Some(Told { document, connection });
    }

    /// Another connection is there.
    pub(super) fn up(&self, connection: u64) {
        self.connection.store(connection, Ordering::Release);
    }

    /// The connection is lost.
    pub(super) fn doubt(&self) {
        self.connection.store(0, Ordering::Release);
    }

    pub(super) fn document(&self) -> Option<OpenRpc> {
        self.read().as_ref().map(|told| told.document.clone())
    }

    /// The document, if it is that of the server which is called now.
    fn current(&self) -> Option<OpenRpc> {
        let connection = self.connection();
        self.read()
            .as_ref()
            .filter(|told| connection != 0 && told.connection == connection)
            .map(|told| told.document.clone())
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<Told>> {
        // Nothing that can panic runs under the lock.
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<Told>> {
        self.told.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the server would have against a call, as far as is known.
    pub(super) fn check_call(&self, method: &str, params: Option<&RawValue>) -> Result<()> {
        self.refusal(|document| document.check_call(method, params.map(RawValue::get)))
    }

    /// Says what the server would have against an event, as far as is known.
    pub(super) fn check_event(&self, event: &str, params: Option<&RawValue>) -> Result<()> {
        self.refusal(|document| document.check_event(event, params.map(RawValue::get)))
    }

    /// Whether the server is known to say that a method may run twice.
    pub(super) fn is_idempotent(&self, method: &str) -> bool {
        self.current().is_some_and(|document| document.method(method).is_some_and(|method| method.idempotent))
    }

    fn refusal(&self, check: impl FnOnce(&OpenRpc) -> Result<(), ErrorObject>) -> Result<()> {
        let document = if self.checks { self.current() } else { None };
        document.map_or(Ok(()), |document| check(&document)).map_err(|object| Error::from(object).unsent())
    }
}
