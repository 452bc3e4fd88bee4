//! From what a server was told to a server, and everything that is refused on the way.

use std::{any::TypeId, sync::Arc};

use super::{ServerBuilder, sends::Sends};
use crate::{
    builtin,
    config::ServerConfig,
    connection::Connection,
    context::Call,
    discovery::Discovery,
    dispatch::Dispatcher,
    error::{Error, ErrorKind, Result},
    hook::HookDescriptor,
    login::{Auth, LoginHook},
    macro_support::{HookRegistration, Registration},
    method::MethodDescriptor,
    metrics::Metrics,
    protocol::Limits,
    raw::Route,
    registry::Registry,
    server::{Parts, Server, States},
    transport::Tls,
};

impl ServerBuilder {
    /// Checks that everything fits together and compiles the validators.
    ///
    /// # Errors
    /// Two methods of one name (both places are named), two payloads of one event that is sent, a state that a method or
    /// hook borrows and nobody gave (it and the type are named), a schema that is none, a setting that can't work, a file
    /// of `tls` that can't be used: all of them at once, in one error of kind [`ErrorKind::Build`].
    pub fn build(mut self) -> Result<Server> {
        self.methods.extend_from_slice(&builtin::methods());
        if !self.explicit {
            let states = &self.states;
            self.methods.extend(linked().into_iter().filter(|method| !is_of_clients(method, states)));
            linked_hooks().into_iter().for_each(|hook| self.add_hook(hook));
        }
        let Self {
            mut config,
            login,
            methods,
            ordered,
            sends,
            states,
            hooks,
            hook_functions,
            raw_routes,
            mut faults,
            ..
        } = self;
        faults.extend(config.faults());
        faults.extend(Route::faults(&raw_routes));
        faults.extend(login_fault(&config, login.as_ref()).map(Into::into));
        faults.extend(hook_functions.iter().flat_map(|hook| hook.faults(|wanted| states.contains_key(&wanted))));
        let tls = load_tls(&config, &mut faults);
        let sent = Sends::all(sends, &mut faults);
        let registry =
            Registry::new(methods, &ordered, |wanted| why_not_lent(wanted, &states)).unwrap_or_else(|more| {
                faults.extend(more);
                Registry::default()
            });
        Error::unless_fit("the server", &faults)?;
        let discovery = Discovery::new(&config.name, &config.version, &registry, sent)?;
        let auth = decide(&mut config, login)?;
        let dispatcher = Dispatcher {
            registry,
            limits: Limits { batch: config.max_batch, depth: config.max_depth },
            max_answer: config.max_message_size,
            call_timeout: config.call_timeout,
            metrics: Arc::new(Metrics::default()),
        };
        Ok(Server::assemble(Parts { config, auth, tls, states, dispatcher, discovery, hooks, raw_routes }))
    }
}

/// What is wrong with how clients are to log in, if something is.
fn login_fault(config: &ServerConfig, login: Option<&LoginHook>) -> Option<&'static str> {
    match login {
        Some(_) if config.open || config.password.is_some() => {
            Some("a login hook is given, and `open` or a `password` too: the hook alone decides")
        }
        None if !config.login_headers.is_empty() => {
            Some("`login_headers` are given, and no login hook that would look at them: give one by `login`")
        }
        _ => None,
    }
}

/// What the server secures connections with, if it is to. Notes what is wrong with the files.
fn load_tls(config: &ServerConfig, faults: &mut Vec<String>) -> Option<Tls> {
    let (certificate, key) = config.tls_certificate.as_ref().zip(config.tls_key.as_ref())?;
    Tls::load(certificate, key).map_err(|more| faults.extend(more)).ok()
}

/// How clients are known. Takes the password out of the settings.
fn decide(config: &mut ServerConfig, login: Option<LoginHook>) -> Result<Auth> {
    if let Some(hook) = login {
        return Ok(Auth::Hook(hook));
    }
    if config.open {
        return Ok(Auth::Open);
    }
    if let Some(password) = config.password.take() {
        return Ok(Auth::Token(password.into_string()));
    }
    let token = Auth::random_token()
        .map_err(|error| Error::new(ErrorKind::Io, format!("no random token could be made: {error}")))?;
    // A program that listens to no log would have a server that nobody can log in to.
    if tracing::enabled!(tracing::Level::WARN) {
        tracing::warn!("no password was given; clients log in with the token {token}");
    } else {
        eprintln!("no password was given; clients log in with the token {token}");
    }
    Ok(Auth::Token(token))
}

/// The methods and handlers that the program links in. The linker gives them in no order, and handlers of an event run
/// in that of the list, so they are sorted by where they stand.
fn linked() -> Vec<MethodDescriptor> {
    let mut linked: Vec<_> = inventory::iter::<Registration>().map(|registration| registration.0.clone()).collect();
    linked.sort_by_key(|method| (method.meta.location.file, method.meta.location.line, method.meta.name));
    linked
}

/// The hooks that the program links in, likewise.
fn linked_hooks() -> Vec<HookDescriptor> {
    let mut linked: Vec<_> = inventory::iter::<HookRegistration>().map(|registration| registration.0.clone()).collect();
    linked.sort_by_key(|hook| (hook.meta.location.file, hook.meta.location.line, hook.meta.name));
    linked
}

/// Whether a value of this type is there without being given.
pub(super) fn is_always_there(wanted: TypeId) -> bool {
    [TypeId::of::<Call>(), TypeId::of::<Connection>(), TypeId::of::<Server>()].contains(&wanted)
}

/// Why a method can't borrow this type, if it can't.
fn why_not_lent(wanted: TypeId, states: &States) -> Option<&'static str> {
    match is_always_there(wanted) || states.contains_key(&wanted) {
        true => None,
        false if is_client(wanted) => Some("which only a client lends: give it to the client with `.methods(..)`"),
        false => Some("and the server has no such state: give it with `.state(..)`"),
    }
}

/// Whether a method that the program links in borrows a client, and is there for one.
fn is_of_clients(method: &MethodDescriptor, states: &States) -> bool {
    let is_lacking = |wanted| is_client(wanted) && !states.contains_key(&wanted);
    method.meta.borrows.iter().any(|borrow| is_lacking(borrow.type_id()))
}

#[cfg(feature = "client")]
fn is_client(wanted: TypeId) -> bool {
    wanted == TypeId::of::<crate::Client>()
}

#[cfg(not(feature = "client"))]
fn is_client(_: TypeId) -> bool {
    false
}
