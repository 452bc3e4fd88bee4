//! The struct or enum that derives `Event`.

use proc_macro2::TokenStream;
use syn::{Attribute, Data, DeriveInput, Generics, Ident, LitStr, Path};

use super::inherited;
use crate::{attr, errors::Errors};

/// The type of a payload, and the name of the event that carries it.
pub(crate) struct EventType {
    pub(crate) krate: Path,
    pub(crate) ident: Ident,
    pub(crate) inherited: Vec<Attribute>,
    pub(crate) generics: Generics,
    pub(crate) name: String,
}

impl EventType {
    pub(crate) fn read(input: &DeriveInput, errors: &mut Errors) -> Self {
        refuse_item(input, errors);
        let (names, options) = attr::EVENT_TYPE.read_events(TokenStream::new(), &input.attrs, &input.ident, errors);
        Self {
            krate: options.krate(errors),
            ident: input.ident.clone(),
            inherited: inherited(&input.attrs),
            generics: input.generics.clone(),
            name: name(&input.ident, &names, errors),
        }
    }
}

fn refuse_item(input: &DeriveInput, errors: &mut Errors) {
    if !input.generics.params.is_empty() {
        errors.on(
            &input.generics.params,
            "an event has one schema and is read on the other side, so its payload can't be generic or borrow: \
             name the types",
        );
    }
    if let Data::Union(data) = &input.data {
        errors.on(data.union_token, "a union has no form on the wire: derive `Event` on a struct or an enum");
    }
}

/// The only name; `*` is what a handler may be called, and no event.
fn name(ident: &Ident, names: &[LitStr], errors: &mut Errors) -> String {
    let Some(name) = names.first() else { return String::new() };
    for more in &names[1..] {
        errors.on(
            more,
            format_args!("the payload `{ident}` has one event, `{}`: make another type for this one", name.value()),
        );
    }
    if name.value() == "*" {
        errors.on(name, "`*` is for handlers and stands for every event: give this one a name of its own");
    }
    name.value()
}
