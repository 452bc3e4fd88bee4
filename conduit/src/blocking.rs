//! The client for programs without a runtime: each call returns the answer.
//!
//! [`Connect::blocking`] connects, with all the options that [`Connect`] has. Typed calls are those of the functions
//! themselves, as everywhere.
//!
//! ```no_run
//! use conduit::{blocking::Client, rpc};
//! use serde_json::json;
//!
//! /// Add two numbers.
//! #[rpc]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! fn main() -> conduit::Result<()> {
//!     let client = Client::connect("ws://127.0.0.1:8080").password("secret").blocking()?;
//!     let five: i64 = client.call("add", json!({"a": 2, "b": 3}))?;
//!     let five = add::call(&client, 2, 3)?;
//!     for tick in client.events::<u64>("tick") {
//!         println!("{}", tick?);
//!     }
//!     client.close()
//! }
//! ```
//!
//! Whatever else the asynchronous client can do, [`Client::wait`] does: it runs a future of [`Client::inner`] to its end.
//!
//! Inside an async runtime nothing of this may wait, as it would hold up other tasks. There, each of these functions is an
//! error of kind [`InRuntime`](ErrorKind::InRuntime): use [`conduit::Client`](crate::Client), or a thread of its own.

use std::{fmt, sync::Arc, thread, time::Duration};

use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::{
    caller::Caller,
    client::{Batch, Connect, Subscription},
    close::Disconnected,
    description::MethodDescription,
    error::{Error, ErrorKind, Result},
    event_failed::EventFailed,
    event_handler::EventHandler,
    events::{Event, EventNames},
    method::MethodMeta,
    openrpc::OpenRpc,
};

/// A client whose functions wait; a cheap handle, to be shared by threads.
///
/// What it has in common with [`conduit::Client`](crate::Client), that it comes back when its connection is lost among
/// it, is documented there. A thread in the background reads
/// and writes, and runs the handlers of events. It ends with the last clone, which closes the connection without waiting
/// for it: a program that ends right after [closes](Self::close) it first.
#[derive(Clone)]
pub struct Client {
    inner: crate::Client,
    driver: Arc<Driver>,
}

impl Connect {
    /// Connects, for a program without a runtime, and waits for it.
    ///
    /// # Errors
    /// Those of a connection that is awaited. `InRuntime` inside an async runtime; `Io` when the thread that serves the
    /// connection can't be made.
    pub fn blocking(self) -> Result<Client> {
        may_wait()?;
        let (handle, stop) = start()?;
        let inner = handle.block_on(self.into_future())?;
        let driver = Arc::new(Driver { handle, client: inner.clone(), stop: Some(stop) });
        Ok(Client { inner, driver })
    }
}

impl Client {
    /// A connection to `url`, such as `ws://127.0.0.1:8080`, which [`blocking`](Connect::blocking) makes.
    pub fn connect(url: impl Into<String>) -> Connect {
        crate::Client::connect(url)
    }

    /// Calls a method, and waits for the answer, as a `T`; otherwise as [`Client::call`](crate::Client::call).
    ///
    /// # Errors
    /// Those of a [call](crate::PendingCall), and `InRuntime`.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<T> {
        self.wait(self.inner.call(method, params))
    }

    /// Sends a notification, as [`Client::notify`](crate::Client::notify) does.
    ///
    /// # Errors
    /// Those of `notify`, and `InRuntime`.
    pub fn notify(&self, method: &str, params: impl Serialize) -> Result<()> {
        self.wait(self.inner.notify(method, params))
    }

    /// Sends an event to the server, as [`Client::send`](crate::Client::send) does.
    ///
    /// # Errors
    /// Those of `send`, and `InRuntime`.
    pub fn send<T: Serialize + ?Sized>(&self, event: &str, payload: &T) -> Result<()> {
        self.wait(self.inner.send(event, payload))
    }

    /// [Sends](Self::send) the event that the payload's type [names](Event).
    ///
    /// # Errors
    /// Those of `send`, and `InRuntime`.
    pub fn send_event<E: Event>(&self, event: &E) -> Result<()> {
        self.send(E::NAME, event)
    }

    /// Handles an event of the server, as [`Client::on`](crate::Client::on) does. The handler runs in the background, and
    /// is async: one that calls the server takes the asynchronous client as its first parameter.
    ///
    /// # Panics
    /// When the schema of the payload is none.
    #[track_caller]
    pub fn on<P: 'static, H: EventHandler<crate::Client, P>>(
        &self,
        events: impl EventNames,
        handler: H,
    ) -> Subscription {
        self.inner.on(events, handler)
    }

    /// Handles one event, as [`Client::once`](crate::Client::once) does.
    ///
    /// # Panics
    /// When the schema of the payload is none.
    #[track_caller]
    pub fn once<P: 'static, H: EventHandler<crate::Client, P>>(
        &self,
        events: impl EventNames,
        handler: H,
    ) -> Subscription {
        self.inner.once(events, handler)
    }

    /// Handles the event that the payload's type [names](Event); otherwise as [`on`](Self::on).
    ///
    /// # Panics
    /// When the schema of the payload is none.
    #[track_caller]
    pub fn on_event<P: 'static, H: EventHandler<crate::Client, P, Payload: Event>>(&self, handler: H) -> Subscription {
        self.inner.on_event(handler)
    }

    /// Learns of events that the server could not handle, as [`Client::on_error`](crate::Client::on_error) does.
    #[track_caller]
    pub fn on_error<P: 'static, H: EventHandler<crate::Client, P, Payload = EventFailed>>(
        &self,
        handler: H,
    ) -> Subscription {
        self.inner.on_error(handler)
    }

    /// An event of the server, or several, as an iterator that waits for the next; otherwise as
    /// [`Client::events`](crate::Client::events). It ends with the client.
    ///
    /// # Panics
    /// When the schema of `T` is none.
    #[track_caller]
    pub fn events<T: DeserializeOwned + JsonSchema>(&self, events: impl EventNames) -> Events<T> {
        Events { events: self.inner.events(events), client: self.clone() }
    }

    /// Starts a [`Batch`]: several calls in one message, which [`wait`](Self::wait) sends.
    ///
    /// ```no_run
    /// # fn example(client: conduit::blocking::Client) -> conduit::Result<()> {
    /// let mut batch = client.batch();
    /// let (sum, name) = (batch.call::<i64>("add", (2, 3)), batch.call::<String>("name", ()));
    /// let answers = client.wait(batch.send())?;
    /// println!("{} by {}", answers.take(sum)?, answers.take(name)?);
    /// # Ok(()) }
    /// ```
    pub fn batch(&self) -> Batch {
        self.inner.batch()
    }

    /// Asks for the methods that the server has, sorted by name.
    ///
    /// # Errors
    /// Those of a [call](crate::PendingCall), and `InRuntime`.
    pub fn listall(&self) -> Result<Vec<MethodDescription>> {
        self.wait(self.inner.listall())
    }

    /// Asks for the server's OpenRPC document, and checks calls against it from then on, as
    /// [`Client::discover`](crate::Client::discover) does.
    ///
    /// # Errors
    /// Those of `discover`, and `InRuntime`.
    pub fn discover(&self) -> Result<OpenRpc> {
        self.wait(self.inner.discover())
    }

    /// The same connection, with another [timeout](Connect::timeout) of calls: `add::call(&client.with_timeout(limit), 2, 3)`.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { inner: self.inner.with_timeout(timeout), driver: Arc::clone(&self.driver) }
    }

    /// The asynchronous client of the same connection, whose futures [`wait`](Self::wait) runs. It works for as long as
    /// there is a blocking one.
    #[must_use]
    pub fn inner(&self) -> &crate::Client {
        &self.inner
    }

    /// Runs a future to its end, where those of the asynchronous client run: a call with options of its own, a batch, or
    /// several calls side by side.
    ///
    /// # Errors
    /// The future's own, and `InRuntime`, where the future does not run.
    pub fn wait<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        may_wait()?;
        self.driver.handle.block_on(future)
    }

    /// Closes the connection, for all clones, and waits until it is closed, as [`Client::close`](crate::Client::close)
    /// does.
    ///
    /// # Errors
    /// `InRuntime` alone.
    pub fn close(&self) -> Result<()> {
        self.wait(async {
            self.inner.close().await;
            Ok(())
        })
    }

    /// Waits until the client has ended for good, and says how, as [`Client::closed`](crate::Client::closed) does.
    ///
    /// # Errors
    /// `InRuntime` alone.
    pub fn closed(&self) -> Result<Disconnected> {
        self.wait(async { Ok(self.inner.closed().await) })
    }

    /// Whether the client has ended for good, or is being closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// Whether there is a connection now, as far as this side knows.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.is_connected()
    }
}

/// A typed call waits for its answer.
impl<T: DeserializeOwned> Caller<T> for Client {
    type Call = Result<T>;

    fn call_method(&self, method: &'static MethodMeta, params: &impl Serialize) -> Result<T> {
        self.wait(self.inner.call_method(method, params))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// The events of a name, or of several, as they come: what [`Client::events`] returns.
///
/// As the [stream](crate::Events) beneath, it keeps the client alive, drops the oldest events when it is not read in
/// time, and goes on after an error.
#[must_use = "events are read from the iterator"]
#[derive(Debug)]
pub struct Events<T> {
    // In this order: the client drops what the stream needs.
    events: crate::Events<T>,
    client: Client,
}

impl<T: DeserializeOwned + JsonSchema> Events<T> {
    /// The next event, if one comes within `timeout`; `None` when the client has ended.
    ///
    /// # Errors
    /// `Timeout` when none came; those of the iterator's items.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<T>> {
        let Self { events, client } = self;
        client.wait(async {
            match tokio::time::timeout(timeout, events.next()).await {
                Ok(next) => next.transpose(),
                Err(_) => Err(Error::new(ErrorKind::Timeout, format!("no event came within {timeout:?}"))),
            }
        })
    }
}

impl<T: DeserializeOwned + JsonSchema> Iterator for Events<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let Self { events, client } = self;
        client.wait(async { events.next().await.transpose() }).transpose()
    }
}

/// The thread in the background. Dropping it closes the connection, and the thread ends when that is done.
struct Driver {
    handle: Handle,
    client: crate::Client,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let (client, stop) = (self.client.clone(), self.stop.take());
        self.handle.spawn(async move {
            client.close().await;
            drop(stop);
        });
    }
}

/// A runtime on a thread of its own. It runs until the sender is dropped.
fn start() -> Result<(Handle, oneshot::Sender<()>)> {
    let failed = |error| Error::new(ErrorKind::Io, "no thread could be made for the connection").with_source(error);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (handle, (stop, stopped)) = (runtime.handle().clone(), oneshot::channel());
    let run = move || {
        let _ = runtime.block_on(stopped);
        // A sync method that still runs is not waited for.
        runtime.shutdown_background();
    };
    thread::Builder::new().name("conduit-client".into()).spawn(run).map_err(failed)?;
    Ok((handle, stop))
}

/// # Errors
/// Where other tasks wait for this thread.
fn may_wait() -> Result<()> {
    match Handle::try_current() {
        Err(_) => Ok(()),
        Ok(_) => Err(Error::new(
            ErrorKind::InRuntime,
            "a blocking client can't wait inside an async runtime, whose other tasks it would hold up: use \
             `conduit::Client` there, or a thread of its own",
        )),
    }
}
