//! The methods and events of a server by name, and what can be wrong with them before the first call.

use std::{
    any::TypeId,
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use serde_json::Value;

use crate::{
    context::Call,
    method::{MethodDescriptor, MethodMeta, Running},
    metrics::{CallMetrics, Kind},
    panics::panicked,
    protocol::{ErrorObject, Id},
    rpc_error::ErrorDescription,
    schema::Arguments,
};

/// The name of the handler that takes every event which no other takes.
pub(crate) const FALLBACK: &str = "*";

/// Name -> method, name -> handlers of an event.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    methods: HashMap<&'static str, Registered, Hasher>,
    events: HashMap<&'static str, Vec<Arc<Registered>>, Hasher>,
}

/// Peers look names up and add none, so that they can't make many of one hash.
type Hasher = foldhash::fast::RandomState;

/// A method, or a handler, with its schemas made and its validator compiled.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) descriptor: MethodDescriptor,
    pub(crate) arguments: Arguments,
    pub(crate) params: Value,
    pub(crate) output: Value,
    pub(crate) errors: Vec<ErrorDescription>,
    /// The name under which it is registered.
    name: &'static str,
    /// The name under which it stands here, if it is ordered.
    line: Option<&'static str>,
    metrics: OnceLock<Arc<CallMetrics>>,
}

/// What a name stands for.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Method(&'a Registered),
    /// In the order in which they were registered; never empty.
    Event(&'a [Arc<Registered>]),
}

impl Registry {
    /// Takes all methods and handlers of a server, or of a client, in. `why_not` says of a type why it can't be borrowed,
    /// if it can't.
    ///
    /// # Errors
    /// Everything that is wrong, one sentence each.
    pub(crate) fn new(
        methods: impl IntoIterator<Item = MethodDescriptor>,
        ordered: &[String],
        why_not: impl Fn(TypeId) -> Option<&'static str>,
    ) -> Result<Self, Vec<String>> {
        let mut registry = Self::default();
        let mut faults = Vec::new();
        for descriptor in methods {
            registry.check(&descriptor, &why_not, &mut faults);
            if descriptor.meta.events.is_empty() {
                registry.add_method(descriptor, &mut faults);
            } else {
                registry.add_handler(&descriptor, &mut faults);
            }
        }
        ordered.iter().for_each(|name| registry.order(name, &mut faults));
        registry.check_names(&mut faults);
        if faults.is_empty() { Ok(registry) } else { Err(faults) }
    }

    fn check(
        &self,
        descriptor: &MethodDescriptor,
        why_not: impl Fn(TypeId) -> Option<&'static str>,
        faults: &mut Vec<String>,
    ) {
        let meta = descriptor.meta;
        if self.is_known(descriptor) {
            return;
        }
        let noun = if meta.events.is_empty() { "method" } else { "the handler of event" };
        for borrow in meta.borrows {
            let Some(why) = why_not(borrow.type_id()) else { continue };
            let (name, location, ty) = (meta.name, meta.location, borrow.type_name());
            faults.push(format!("{noun} `{name}` ({location}) borrows `&{ty}`, {why}"));
        }
        if (descriptor.output_name)().starts_with("core::result::Result<") {
            faults.push(format!(
                "{noun} `{}` ({}) returns a `Result` under another name: call the alias `Result`, or its error would \
                 be sent as a success",
                meta.name, meta.location
            ));
        }
    }

    /// Whether the function was given before.
    fn is_known(&self, descriptor: &MethodDescriptor) -> bool {
        let name = descriptor.meta.name;
        let mut handlers = self.events.get(name).into_iter().flatten();
        self.methods.get(name).is_some_and(|other| other.descriptor.is_same(descriptor))
            || handlers.any(|other| other.descriptor.is_same(descriptor))
    }

    fn add_method(&mut self, descriptor: MethodDescriptor, faults: &mut Vec<String>) {
        let meta = descriptor.meta;
        if let Some(other) = self.methods.get(meta.name) {
            // One function given twice (linked in, and by hand) is one method.
            if !other.descriptor.is_same(&descriptor) {
                let (here, there) = (meta.location, other.descriptor.meta.location);
                faults.push(format!("two methods are called `{}`: {there} and {here}", meta.name));
            }
            return;
        }
        let compile = |schema: &Value| Arguments::check_defaults(schema).and_then(|()| Arguments::compile(schema));
        match Registered::new(meta.name, descriptor, compile) {
            Ok(method) => drop(self.methods.insert(meta.name, method)),
            Err(why) => faults.push(format!("the schema of method `{}` ({}): {why}", meta.name, meta.location)),
        }
    }

    fn add_handler(&mut self, descriptor: &MethodDescriptor, faults: &mut Vec<String>) {
        let meta = descriptor.meta;
        for &event in meta.events {
            if event.is_empty() || event.starts_with("rpc.") {
                faults.push(format!(
                    "an event is called `{event}` ({}): give it a name, and none that starts with `rpc.`, which \
                     JSON-RPC 2.0 reserves",
                    meta.location
                ));
            }
            let handlers = self.events.entry(event).or_default();
            let is_twice = |other: &Arc<Registered>| other.descriptor.is_same(descriptor);
            if handlers.iter().any(is_twice) {
                continue;
            }
            match Registered::new(event, descriptor.clone(), Arguments::compile_payload) {
                Ok(handler) => handlers.push(Arc::new(handler)),
                Err(why) => faults.push(format!("the schema of event `{event}` ({}): {why}", meta.location)),
            }
        }
    }

    /// Gives the calls of `name` an order, if there is such a method or event.
    fn order(&mut self, name: &str, faults: &mut Vec<String>) {
        if let Some(method) = self.methods.get_mut(name) {
            method.line = Some(method.descriptor.meta.name);
        } else if let Some((&name, _)) = self.events.get_key_value(name) {
            let handlers = self.events.get_mut(name).into_iter().flatten();
            // Nobody else has the handlers before there is a server.
            handlers.filter_map(Arc::get_mut).for_each(|handler| handler.line = Some(name));
        } else {
            faults.push(format!("`ordered` names `{name}`, which is neither a method nor an event of this server"));
        }
    }

    /// A name that is a method and an event would mean two things on the wire.
    fn check_names(&self, faults: &mut Vec<String>) {
        for (name, handlers) in &self.events {
            if let (Some(method), Some(handler)) = (self.methods.get(name), handlers.first()) {
                let (method, handler) = (method.descriptor.meta.location, handler.descriptor.meta.location);
                faults.push(format!("`{name}` is a method ({method}) and an event ({handler}): rename one of them"));
            }
        }
        faults.sort_unstable();
    }

    /// The method of this name.
    pub(crate) fn method(&self, name: &str) -> Option<&Registered> {
        self.methods.get(name)
    }

    /// The handlers of events, each with its event, those of one in the order in which they were registered.
    pub(crate) fn handlers(&self) -> impl Iterator<Item = (&'static str, &Arc<Registered>)> {
        self.events.iter().flat_map(|(&event, handlers)| handlers.iter().map(move |handler| (event, handler)))
    }

    /// What a request names, if there is such a thing.
    pub(crate) fn find(&self, name: &str) -> Option<Target<'_>> {
        let event = || self.events.get(name).or_else(|| self.events.get(FALLBACK));
        match self.methods.get(name) {
            Some(method) => Some(Target::Method(method)),
            None => event().map(|handlers| Target::Event(handlers)),
        }
    }

    /// Whether a handler takes events of this name.
    pub(crate) fn is_event(&self, name: &str) -> bool {
        !self.methods.contains_key(name) && (self.events.contains_key(name) || self.events.contains_key(FALLBACK))
    }

    /// The names of the methods and events that `may_see` lets somebody see: of an event, all its handlers.
    pub(crate) fn names(&self, may_see: impl Fn(&MethodMeta) -> bool) -> impl Iterator<Item = &str> {
        let methods = self.methods.iter().map(|(&name, method)| (name, Target::Method(method)));
        let events = self.events.iter().map(|(&name, handlers)| (name, Target::Event(handlers)));
        methods.chain(events).filter(move |(_, target)| target.metas().all(&may_see)).map(|(name, _)| name)
    }

    /// The roles that methods and handlers ask for, sorted.
    pub(crate) fn roles(&self) -> Vec<&'static str> {
        let handlers = self.events.values().flatten().map(|handler| &**handler);
        let all = self.methods.values().chain(handlers);
        let roles: BTreeSet<_> = all.flat_map(|registered| registered.descriptor.meta.allow.iter().copied()).collect();
        roles.into_iter().collect()
    }

    /// Binds what is counted of each method and event to the recorder that is installed now.
    pub(crate) fn start_metrics(&self) {
        for method in self.methods.values() {
            Target::Method(method).metrics();
        }
        for handlers in self.events.values() {
            Target::Event(handlers).metrics();
        }
    }

    /// All methods, by name.
    pub(crate) fn sorted(&self) -> Vec<&Registered> {
        let mut methods: Vec<_> = self.methods.values().collect();
        methods.sort_unstable_by_key(|method| method.descriptor.meta.name);
        methods
    }

    /// All events with their handlers, by name.
    pub(crate) fn sorted_events(&self) -> Vec<(&'static str, &[Arc<Registered>])> {
        let mut events: Vec<_> = self.events.iter().map(|(&name, handlers)| (name, &handlers[..])).collect();
        events.sort_unstable_by_key(|(name, _)| *name);
        events
    }
}

impl Registered {
    /// # Errors
    /// What is wrong with the schema of the arguments.
    pub(crate) fn new(
        name: &'static str,
        descriptor: MethodDescriptor,
        compile: impl FnOnce(&Value) -> Result<Arguments, String>,
    ) -> Result<Self, String> {
        let params = (descriptor.params)();
        let arguments = compile(&params)?;
        let (output, errors) = ((descriptor.output)(), (descriptor.errors)());
        let line = descriptor.meta.ordered.then_some(name);
        Ok(Self { descriptor, arguments, params, output, errors, name, line, metrics: OnceLock::new() })
    }

    /// Whether the calls of one connection run one after the other.
    pub(crate) fn is_ordered(&self) -> bool {
        self.line.is_some()
    }

    fn metrics(&self, kind: Kind) -> &Arc<CallMetrics> {
        self.metrics.get_or_init(|| Arc::new(CallMetrics::new(kind, self.name)))
    }

    fn start(&self, params: Option<&str>, call: Call) -> Result<Running, ErrorObject> {
        self.descriptor.start.start(&self.arguments, params, call)
    }
}

impl<'a> Target<'a> {
    /// What is known of the method, or of each handler. A caller must be let in by all of them.
    pub(crate) fn metas(self) -> impl Iterator<Item = &'static MethodMeta> {
        self.handlers().map(|handler| handler.descriptor.meta)
    }

    /// The limit that it sets itself; handlers run in one call, so the shortest of theirs.
    pub(crate) fn timeout(self) -> Option<Duration> {
        self.handlers().filter_map(|handler| handler.descriptor.meta.timeout).min()
    }

    /// The name in whose order it runs, if it has one. An event has it if one of its handlers wants it.
    pub(crate) fn line(self) -> Option<&'static str> {
        self.handlers().find_map(|handler| handler.line)
    }

    /// The method alone, or all handlers of the event.
    fn handlers(self) -> impl Iterator<Item = &'a Registered> {
        let (method, handlers) = match self {
            Self::Method(method) => (Some(method), [].as_slice()),
            Self::Event(handlers) => (None, handlers),
        };
        method.into_iter().chain(handlers.iter().map(|handler| &**handler))
    }

    /// What is counted of it; of an event once, however many handlers it has.
    pub(crate) fn metrics(self) -> &'a Arc<CallMetrics> {
        match self {
            Self::Method(method) => method.metrics(Kind::Method),
            Self::Event(handlers) => handlers[0].metrics(Kind::Event),
        }
    }

    pub(crate) fn is_event(self) -> bool {
        matches!(self, Self::Event(_))
    }

    /// The name as calls carry it: the peer's own spelling where a fallback takes the event.
    pub(crate) fn name(self, asked: &str) -> Cow<'static, str> {
        let known = match self {
            Self::Method(method) => Some(method.descriptor.meta.name),
            Self::Event(handlers) => handlers
                .first()
                .and_then(|first| first.descriptor.meta.events.iter().copied().find(|name| *name == asked)),
        };
        known.map_or_else(|| Cow::Owned(asked.to_owned()), Cow::Borrowed)
    }

    /// Whether it is the call about calls, which no limit on calls may keep out.
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Method(method) if method.descriptor.meta.name == "rpc.cancel")
    }

    /// Reads the arguments, or the payload for every handler, and makes the call's future.
    pub(crate) fn start(self, params: Option<&str>, call: &Call) -> Result<Running, ErrorObject> {
        match self {
            Self::Method(method) => method.start(params, call.clone()),
            Self::Event(handlers) => {
                let started: Result<Vec<Running>, ErrorObject> =
                    handlers.iter().map(|handler| handler.start(params, call.clone())).collect();
                Ok(Box::pin(handle(started?, call.id().cloned())))
            }
        }
    }
}

/// Runs the handlers of an event, one after the other; all of them, whatever becomes of one. The first ack that
/// is not null is the answer, else the first failure.
async fn handle(handlers: Vec<Running>, id: Option<Id>) -> Result<String, ErrorObject> {
    let (mut ack, mut failure) = (None, None);
    for handler in handlers {
        let result = std::panic::AssertUnwindSafe(handler).catch_unwind().await;
        match result.unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(text) if ack.is_none() && text != "null" => ack = Some(text),
            Ok(_) => {}
            Err(error) if failure.is_none() => failure = Some(error),
            Err(error) => tracing::error!(%error, detail = error.detail(), "another handler of the event failed"),
        }
    }
    match (ack, failure, id) {
        (None, Some(error), _) => Err(error),
        (_, Some(error), None) => Err(error),
        (_, _, None) => Ok(String::new()),
        (ack, _, Some(id)) => {
            let ack = ack.unwrap_or_else(|| "null".into());
            Ok(format!(r#"{{"jsonrpc":"2.0","result":{ack},"id":{id}}}"#))
        }
    }
}
