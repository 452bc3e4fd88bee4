//! A function with `#[on_startup]` or its like.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, ItemFn, Path, Visibility};

use super::{
    callable::{Callable, Role},
    inherited, param, refuse_other_roles,
};
use crate::{attr, errors::Errors, span};

/// A hook.
pub(crate) struct Hook {
    /// The path of the conduit crate.
    pub(crate) krate: Path,
    pub(crate) moment: Moment,
    /// The function's name.
    pub(crate) ident: Ident,
    /// Where it stands, as the user's own code.
    pub(crate) place: Span,
    pub(crate) vis: Visibility,
    /// See [`inherited`].
    pub(crate) inherited: Vec<Attribute>,
    pub(crate) callable: Callable,
    /// The function without our attributes.
    pub(crate) item: ItemFn,
}

/// When a hook runs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    Startup,
    ClientConnect,
    ClientDisconnect,
    Shutdown,
}

impl Moment {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Startup => "on_startup",
            Self::ClientConnect => "on_client_connect",
            Self::ClientDisconnect => "on_client_disconnect",
            Self::Shutdown => "on_shutdown",
        }
    }

    /// The name in `conduit::Moment`.
    pub(crate) fn variant(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::ClientConnect => "ClientConnect",
            Self::ClientDisconnect => "ClientDisconnect",
            Self::Shutdown => "Shutdown",
        }
    }
}

impl Hook {
    pub(crate) fn read(moment: Moment, options: TokenStream, mut item: ItemFn, errors: &mut Errors) -> Self {
        let options = attr::hook(moment.attribute()).read(options, errors);
        refuse_other_roles(&mut item.attrs, None, errors);
        let callable = Callable::read(&item.sig, Role::Hook(moment), errors);
        item.sig.inputs.iter_mut().for_each(param::strip);
        Self {
            krate: options.krate(errors),
            moment,
            ident: span::ident(&item.sig.ident),
            place: item.sig.ident.span(),
            vis: syn::parse2(span::as_ours(&item.vis)).unwrap_or_else(|_| item.vis.clone()),
            inherited: inherited(&item.attrs),
            callable,
            item,
        }
    }
}
