//! What `#[on_startup]` and its like implement: a hook's name, what it borrows, and how to run it.

use std::{any::TypeId, fmt};

use futures_util::future::{BoxFuture, FutureExt};

use crate::{
    close::Disconnected,
    connection::Connection,
    context::{Lend, State},
    method::{Borrow, Location},
    server::Server,
};

/// A hook: what the type beside a function with [`#[on_startup]`](macro@crate::on_startup) and its like implements.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no hook",
    note = "put `#[on_startup]`, `#[on_client_connect]`, `#[on_client_disconnect]` or `#[on_shutdown]` on the function"
)]
pub trait Hook: Sized + 'static {
    /// Name, moment, and what it borrows.
    const META: HookMeta;

    /// Runs the function. The output is the text of its failure, if it failed.
    fn run(occasion: Occasion) -> impl Future<Output = Option<String>> + Send + 'static;
}

/// What is known of a hook before any server exists.
#[derive(Debug, Clone)]
pub struct HookMeta {
    /// The function's name.
    pub name: &'static str,
    /// When it runs.
    pub moment: Moment,
    /// Where the function stands.
    pub location: Location,
    /// What it borrows from the server.
    pub borrows: &'static [Borrow],
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The server is bound.
    Startup,
    /// A client has logged in.
    ClientConnect,
    /// A client's connection has ended.
    ClientDisconnect,
    /// The server stops.
    Shutdown,
}

/// What a hook runs for, and borrows from.
#[derive(Debug, Clone)]
pub struct Occasion(pub(crate) Of);

#[derive(Debug, Clone)]
pub(crate) enum Of {
    Server(Server),
    Coming(Connection),
    Gone(Connection, Disconnected),
}

/// A function that is a hook, as [`hooks!`](crate::hooks) makes it and [`ServerBuilder::hooks`](crate::ServerBuilder::hooks)
/// takes it.
#[derive(Clone)]
pub struct HookDescriptor {
    pub(crate) meta: &'static HookMeta,
    pub(crate) run: fn(Occasion) -> BoxFuture<'static, Option<String>>,
    type_id: fn() -> TypeId,
}

impl HookDescriptor {
    /// The descriptor of `H`.
    #[doc(hidden)]
    #[must_use]
    pub const fn of<H: Hook>() -> Self {
        Self { meta: &H::META, run: |occasion| H::run(occasion).boxed(), type_id: TypeId::of::<H> }
    }

    /// Whether it is the same function again.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.type_id)() == (other.type_id)()
    }

    /// What it borrows and nobody lends, a sentence each.
    pub(crate) fn faults(&self, has_state: impl Fn(TypeId) -> bool) -> impl Iterator<Item = String> {
        let HookMeta { name, moment, location, borrows } = self.meta;
        let lacking =
            borrows.iter().filter(move |borrow| !moment.lends(borrow.type_id()) && !has_state(borrow.type_id()));
        lacking.map(move |borrow| {
            let why = match borrow.type_id() {
                id if id == TypeId::of::<Connection>() => "which runs for no connection: borrow `&Server`",
                id if id == TypeId::of::<crate::Call>() => "which runs for no call: borrow something else",
                _ => "and the server has no such state: give it with `.state(..)`",
            };
            format!("hook `{name}` ({location}) borrows `&{}` in `#[{moment}]`, {why}", borrow.type_name())
        })
    }
}

impl Moment {
    /// Whether a value of this type is there without being given.
    fn lends(self, wanted: TypeId) -> bool {
        let has_client = matches!(self, Self::ClientConnect | Self::ClientDisconnect);
        wanted == TypeId::of::<Server>() || (has_client && wanted == TypeId::of::<Connection>())
    }
}

/// The attribute's name.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Startup => "on_startup",
            Self::ClientConnect => "on_client_connect",
            Self::ClientDisconnect => "on_client_disconnect",
            Self::Shutdown => "on_shutdown",
        })
    }
}

impl Occasion {
    /// The value that a borrowed parameter of type `T` stands for.
    pub(crate) fn borrow<T: State>(&self) -> &T {
        let lender: &dyn Lend = match &self.0 {
            Of::Server(server) => server,
            Of::Coming(client) | Of::Gone(client, _) => client,
        };
        let lent = lender.lend(TypeId::of::<T>()).expect("a server does not build without a state that a hook borrows");
        lent.downcast_ref().expect("a lender answers with a value of the type it was asked for")
    }

    /// Why the connection ended.
    pub(crate) fn end(&self) -> Disconnected {
        match &self.0 {
            Of::Gone(_, end) => end.clone(),
            Of::Server(_) | Of::Coming(_) => unreachable!("the macro lets only hooks of the end ask for it"),
        }
    }
}

/// The descriptors of functions with `#[on_startup]` and its like, for a server that is given its hooks by hand.
///
/// ```
/// use conduit::{Connection, Server, hooks, on_client_connect};
///
/// #[on_client_connect]
/// async fn welcome(client: &Connection) {
///     client.join("lobby");
/// }
///
/// let server = Server::builder().explicit().open().hooks(hooks![welcome]).build()?;
/// # Ok::<(), conduit::Error>(())
/// ```
/// A function without an attribute has no type of its name, and Rust says "constant provided when a type was expected":
/// put `#[on_startup]` or its like on it.
#[macro_export]
macro_rules! hooks {
    ($($hook:ty),* $(,)?) => {
        ::std::vec![$($crate::HookDescriptor::of::<$hook>()),*]
    };
}

impl fmt::Debug for HookDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.meta.fmt(f)
    }
}
