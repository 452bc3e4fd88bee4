//! What a client serves: the methods that its server may call, and the state that they borrow.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::Arc,
};

use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use super::{
    Client, Connect,
    handlers::{Given, Kind, misnamed},
};
use crate::{
    context::{Call, State},
    description::MethodDescription,
    discovery::{Discovery, Documents},
    error::{Error, Result},
    method::{MethodDescriptor, Service},
    methods,
    protocol::{ErrorObject, Id},
    registry::{Registered, Registry},
    rpc,
};

impl Connect {
    /// Serves methods that the server may call: `#[rpc]` functions, as a server serves them.
    ///
    /// Arguments are checked against their schema, a panic fails its own call, options such as `timeout` and `ordered`
    /// hold, and calls that the server gives up are cancelled. Functions with [`#[on]`](macro@crate::on) may be among them;
    /// they handle their events before closures do. A method may borrow `&Client`, to call the server, `&Call`, and
    /// [state](Self::state); one that borrows what a client does not lend is an error of kind
    /// [`Build`](crate::ErrorKind::Build) when the client connects. `public` and `allow` are for servers: the server of a client
    /// may call all of its methods. Built-in ones are `listall`, `rpc.discover` and `rpc.cancel`.
    ///
    /// On the server, the same function makes the typed call: `confirm::call(connection, ..).await`.
    ///
    /// ```no_run
    /// use conduit::{Client, Connection, methods, rpc};
    ///
    /// /// Asks whoever sits in front of the client.
    /// #[rpc(timeout = "60s")]
    /// async fn confirm(client: &Client, #[schemars(length(min = 1))] question: String) -> bool {
    ///     println!("{question}");
    ///     true
    /// }
    ///
    /// # async fn example() -> conduit::Result<()> {
    /// let client = Client::connect("ws://127.0.0.1:8080").methods(methods![confirm]).await?;
    /// # Ok(()) }
    ///
    /// // On the server:
    /// #[rpc]
    /// async fn delete_all(client: &Connection) -> Result<bool, conduit::ErrorObject> {
    ///     let sure = confirm::call(client, "delete everything?".into()).await;
    ///     Ok(sure.unwrap_or(false))
    /// }
    /// ```
    pub fn methods(mut self, methods: impl IntoIterator<Item = MethodDescriptor>) -> Self {
        self.offer.methods.extend(methods);
        self
    }

    /// Serves the methods of an `impl` block with [`#[rpc]`](macro@crate::rpc); `service` is what they borrow as `&self`.
    pub fn service<S: Service>(mut self, service: S) -> Self {
        self.offer.methods.extend_from_slice(S::METHODS);
        self.state(service)
    }

    /// Lends `state` to every [method](Self::methods) of this client that takes a `&T`.
    pub fn state<T: State>(mut self, state: T) -> Self {
        self.offer.lend(state);
        self
    }
}

/// State by its type.
pub(super) type States = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// The methods of a client by name, and what they borrow.
#[derive(Default)]
pub(super) struct Served {
    registry: Registry,
    states: States,
    /// Of the program, as far as it told.
    version: String,
}

/// What a client is to serve, before it is checked.
#[derive(Clone, Default)]
pub(super) struct Offer {
    pub(super) methods: Vec<MethodDescriptor>,
    states: States,
    faults: Vec<String>,
}

impl Offer {
    pub(super) fn lend<T: Any + Send + Sync>(&mut self, state: T) {
        let name = std::any::type_name::<T>();
        if is_always_there(TypeId::of::<T>()) {
            self.faults.push(format!("state of type `{name}` is the client's own to lend"));
        } else if self.states.insert(TypeId::of::<T>(), Arc::new(state)).is_some() {
            self.faults.push(format!("state of type `{name}` was given twice"));
        }
    }

    /// Checks that everything fits together, and adds what is wrong to the `faults` that are known. Handlers of events go in
    /// front of those that are `given` as closures.
    ///
    /// # Errors
    /// Everything that is wrong, in one error.
    pub(super) fn check(
        mut self,
        given: &mut Vec<Given>,
        version: Option<&str>,
        faults: Vec<String>,
    ) -> Result<Served> {
        self.faults.extend(faults);
        self.methods.extend(methods![listall, discover, cancel]);
        let why_not = |wanted| why_not_lent(wanted, &self.states);
        let registry = Registry::new(self.methods, &[], why_not).unwrap_or_else(|more| {
            self.faults.extend(more);
            Registry::default()
        });
        for event in given.iter().flat_map(|given| &given.events) {
            self.faults.extend(misnamed(event));
            if let Some(method) = registry.method(event) {
                let location = method.descriptor.meta.location;
                self.faults.push(format!("`{event}` is a method ({location}) and an event: rename one of them"));
            }
        }
        Error::unless_fit("the client", &self.faults)?;
        let handlers = registry.handlers().map(|(event, handler)| Given {
            events: vec![event.to_owned()],
            kind: Kind::Handler,
            handler: Arc::clone(handler),
        });
        given.splice(0..0, handlers);
        Ok(Served { registry, states: self.states, version: version.unwrap_or("0.0.0").to_owned() })
    }
}

impl Served {
    fn documents(&self) -> Result<Arc<Documents>, ErrorObject> {
        let discovery =
            Discovery::new("Client", &self.version, &self.registry, Vec::new()).map_err(ErrorObject::internal)?;
        discovery.documents(&self.registry, |_| true)
    }

    pub(super) fn method(&self, name: &str) -> Option<&Registered> {
        self.registry.method(name)
    }

    pub(super) fn state(&self, wanted: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        self.states.get(&wanted).map(|state| &**state)
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.registry.sorted().iter().map(|method| method.descriptor.meta.name)).finish()
    }
}

/// Whether a value of this type is there without being given.
fn is_always_there(wanted: TypeId) -> bool {
    [TypeId::of::<Call>(), TypeId::of::<Client>()].contains(&wanted)
}

/// Why a method can't borrow this type, if it can't.
fn why_not_lent(wanted: TypeId, states: &States) -> Option<&'static str> {
    #[cfg(feature = "server")]
    if [TypeId::of::<crate::Connection>(), TypeId::of::<crate::Server>()].contains(&wanted) {
        return Some("which only a server lends: borrow `&Client`, or leave it to the server");
    }
    match is_always_there(wanted) || states.contains_key(&wanted) {
        true => None,
        false => Some("and the client has no such state: give it with `.state(..)`"),
    }
}

/// List all methods that the server may call.
#[rpc(name = "listall", builtin)]
async fn listall(client: &Client) -> Result<Vec<MethodDescription>, ErrorObject> {
    read(&client.link.handlers().served().documents()?.list)
}

/// Describe the client's methods as an OpenRPC document. Its closures that handle events are not in it.
#[rpc(name = "rpc.discover", builtin)]
async fn discover(client: &Client) -> Result<Value, ErrorObject> {
    read(&client.link.handlers().served().documents()?.openrpc)
}

fn read<T: DeserializeOwned>(document: &RawValue) -> Result<T, ErrorObject> {
    serde_json::from_str(document.get()).map_err(ErrorObject::internal)
}

/// Take a call back that is still running, as a server's own `rpc.cancel` does.
#[rpc(name = "rpc.cancel", builtin)]
async fn cancel(client: &Client, id: Value) -> bool {
    Id::parse(&id.to_string()).is_some_and(|id| client.link.in_flight().cancel(&id))
}
