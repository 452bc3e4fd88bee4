//! What is made of a document: types, and for each method, each list of errors and each event its items.

use std::collections::HashSet;

use serde_json::Value;

use crate::{
    docs,
    document::{Document, ErrorCase, Event, Method, Sender},
    error::Error,
    model::{Body, Definition, Field, Kind, Type, TypeId},
    modules::{ModuleId, Modules, ROOT},
    names::{Scope, pascal, snake},
    schema::{self, Place, Types},
};

/// All that is made.
#[derive(Debug)]
pub(crate) struct Api {
    /// Title and version.
    #[cfg(feature = "source")]
    pub(crate) title: String,
    pub(crate) modules: Modules,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) calls: Vec<Call>,
    pub(crate) errors: Vec<ErrorEnum>,
    pub(crate) events: Vec<EventType>,
}

/// What is made of a method.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) module: ModuleId,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) deprecated: bool,
    pub(crate) idempotent: bool,
    pub(crate) arguments: Arguments,
    pub(crate) answer: Answer,
    /// The place of its errors among all.
    pub(crate) error: Option<usize>,
}

#[derive(Debug)]
pub(crate) enum Arguments {
    None,
    /// Each with what the list of arguments says of it.
    Each {
        fields: Vec<(Field, String)>,
        by_position: bool,
    },
    /// One value is all of them, because they depend on each other.
    Whole(Type),
}

#[derive(Debug)]
pub(crate) enum Answer {
    /// The method is a notification.
    None,
    /// A type that is made for it and called `Output` already.
    Defined,
    Of(Type),
}

/// The errors of a method, or of several that have the same.
#[derive(Debug)]
pub(crate) struct ErrorEnum {
    pub(crate) module: ModuleId,
    pub(crate) name: String,
    /// The methods.
    pub(crate) of: Vec<String>,
    pub(crate) variants: Vec<ErrorVariant>,
}

#[derive(Debug)]
pub(crate) struct ErrorVariant {
    pub(crate) name: String,
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) body: Body,
}

/// A type that is the payload of an event.
#[derive(Debug)]
pub(crate) struct EventType {
    pub(crate) ty: TypeId,
    pub(crate) name: String,
    pub(crate) ack: Option<Ack>,
}

/// The type of an event's answer, by its own name or as an alias.
#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) alias: String,
    pub(crate) ty: Type,
}

impl Api {
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let document = Document::parse(text)?;
        let (methods, events) = (document.methods()?, document.events()?);
        let mut modules = Modules::new();
        let places: Vec<ModuleId> = methods.iter().map(|method| modules.of_method(method.name)).collect();
        let mut types = Types::new(&document, modules);
        let built_in = reached(&document, document.of_built_in_methods());
        document
            .schemas()
            .filter(|pointer| !built_in.contains(pointer))
            .for_each(|pointer| _ = types.reference(&pointer));
        let events = event_types(&mut types, &events, &document);
        let groups = group_errors(&methods);
        let errors = groups.iter().map(|of| error_enum(&mut types, &methods, &places, of)).collect();
        let calls = methods.iter().zip(&places).enumerate().map(|(at, (method, place))| {
            call(&mut types, method, *place, groups.iter().position(|of| of.contains(&at)))
        });
        let calls = calls.collect();
        if document.is_conduits() {
            types.unify();
        }
        types.settle_recursion();
        let Types { modules, definitions, .. } = types;
        Ok(Self {
            #[cfg(feature = "source")]
            title: document.title(),
            modules,
            definitions,
            calls,
            errors,
            events,
        })
    }
}

/// The pointers that lead out of `values`, and from there on.
fn reached(document: &Document, values: Vec<&Value>) -> HashSet<String> {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let (mut reached, mut next) = (HashSet::new(), Vec::new());
    values.into_iter().for_each(|value| references(value, &mut next));
    while let Some(pointer) = next.pop() {
        if reached.insert(pointer.to_owned())
            && let Some(target) = document.at(pointer)
        {
            references(target, &mut next);
        }
    }
    reached
}

fn call(types: &mut Types, method: &Method, module: ModuleId, error: Option<usize>) -> Call {
    // The result first: it has more of a claim to the name `Output` than an argument.
    let answer = method.result.map_or(Answer::None, |result| answer(types, result, module));
    let arguments = match (method.params_schema, method.params.is_empty()) {
        (Some(schema), _) => Arguments::Whole(types.read(schema, Place::New { module, name: "Arguments".into() })),
        (None, true) => Arguments::None,
        (None, false) => Arguments::Each { fields: arguments(types, method, module), by_position: method.by_position },
    };
    Call {
        module,
        name: method.name.to_owned(),
        text: docs::clean(&method.text),
        deprecated: method.deprecated,
        idempotent: method.idempotent,
        arguments,
        answer,
        error,
    }
}

fn arguments(types: &mut Types, method: &Method, module: ModuleId) -> Vec<(Field, String)> {
    let mut scope = Scope::default();
    let place = Place::New { module, name: String::new() };
    let fields = method.params.iter().map(|param| {
        let mut field = types.field(param.name, param.schema, param.required, &place, &mut scope);
        let text = if param.text.is_empty() { docs::of_schema(param.schema) } else { docs::clean(&param.text) };
        let words = docs::words(param.schema, &field.rules);
        field.docs = docs::of_argument(&text, param.schema, &field.rules);
        (field, docs::line(&if words.is_empty() { text } else { format!("{text} ({words})") }))
    });
    fields.collect()
}

fn answer(types: &mut Types, result: &Value, module: ModuleId) -> Answer {
    let ty = types.read(result, Place::New { module, name: "Output".into() });
    let called_output = |definition: &Definition| definition.module == module && definition.name == "Output";
    match types.definitions.iter().position(called_output) {
        Some(at) if ty == Type::Named(TypeId(at)) => Answer::Defined,
        // A part of the answer, such as what may be null as a whole: the name is the answer's.
        Some(at) => {
            types.definitions[at].name = types.modules.give(module, "OutputValue");
            Answer::Of(ty)
        }
        None => {
            types.modules.give(module, "Output");
            Answer::Of(ty)
        }
    }
}

/// The methods of which each has the same errors as the others.
fn group_errors(methods: &[Method]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, method) in methods.iter().enumerate().filter(|(_, method)| !method.errors.is_empty()) {
        match groups.iter_mut().find(|group| methods[group[0]].errors == method.errors) {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

/// The enum stands with its method, or in the module that those who share it have in common.
fn error_enum(types: &mut Types, methods: &[Method], places: &[ModuleId], of: &[usize]) -> ErrorEnum {
    let module = match of {
        [only] => places[*only],
        several => types.modules.common(&several.iter().map(|at| places[*at]).collect::<Vec<_>>()),
    };
    for at in of.iter().filter(|at| places[**at] != module) {
        types.modules.give(places[*at], "Error");
    }
    let name = types.modules.give(module, "Error");
    let mut scope = Scope::default();
    let mut variants: Vec<ErrorVariant> = Vec::new();
    for case in &methods[of[0]].errors {
        // Of two with one code only the first could be told.
        if variants.iter().all(|variant| variant.code != case.code) {
            variants.push(error_variant(types, case, module, &mut scope));
        }
    }
    ErrorEnum { module, name, of: of.iter().map(|at| methods[*at].name.to_owned()).collect(), variants }
}

fn error_variant(types: &mut Types, case: &ErrorCase, module: ModuleId, scope: &mut Scope) -> ErrorVariant {
    let name = scope.give(&variant_name(case));
    let place = Place::Called { module, name: format!("{name}Data") };
    let body = match case.data {
        None => Body::Unit,
        Some(data) => match types.fields_of(data, &place) {
            Some(fields) => Body::Fields(fields),
            None => Body::Of(types.read(data, place)),
        },
    };
    ErrorVariant { name, code: case.code, message: docs::line(case.message), body }
}

/// What the document calls it, else what its message says, without what is filled in.
fn variant_name(case: &ErrorCase) -> String {
    if let Some(name) = &case.name {
        return pascal(name);
    }
    let mut words = String::new();
    let mut depth = 0;
    for c in case.message.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth > 0 => {}
            c => words.push(c),
        }
    }
    let words: Vec<&str> = words.split_whitespace().take(6).collect();
    if words.iter().any(|word| word.chars().any(char::is_alphabetic)) {
        pascal(&words.join(" "))
    } else {
        pascal(&format!("code {}", snake(&case.code.to_string())))
    }
}

fn event_types(types: &mut Types, events: &[Event], document: &Document) -> Vec<EventType> {
    let shared: Vec<Option<String>> = events.iter().map(|event| component(document, event.payload)).collect();
    let titles: Vec<Option<&str>> = events.iter().map(|event| payload_title(event)).collect();
    let made = events.iter().enumerate().map(|(at, event)| {
        let component = shared[at].as_deref();
        let called = called(events, event);
        let is_only = shared.iter().filter(|other| other.as_deref() == component).count() == 1;
        let ty = event_type(types, event, called, component, is_only);
        if let Some(title) = titles[at].filter(|_| titles.iter().filter(|other| **other == titles[at]).count() == 1) {
            types.definitions[ty.0].alike = pascal(title);
        }
        let name = types.definitions[ty.0].name.clone();
        EventType { ty, name: event.name.to_owned(), ack: ack(types, event, &name) }
    });
    made.collect()
}

/// What the payload is called apart from the event.
fn payload_title<'a>(event: &Event<'a>) -> Option<&'a str> {
    let object = event.payload.as_object()?;
    if object.len() > 1 && object.contains_key("$ref") {
        // A type around the one that is referred to.
        return None;
    }
    object
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|pointer| pointer.rsplit('/').next())
        .or_else(|| schema::title(object))
}

/// The type of the payload: that of the components, if it is of no other event, or one of its own.
fn event_type(types: &mut Types, event: &Event, called: String, component: Option<&str>, is_only: bool) -> TypeId {
    if let (Some(pointer), true) = (component, is_only)
        && let Type::Named(id) = types.reference(pointer)
        && !matches!(types.definitions[id.0].kind, Kind::Alias(_))
    {
        add_docs(types, id, direction(event));
        return id;
    }
    let called = if types.modules.is_free(ROOT, &called) { called } else { format!("{called}Event") };
    let made = types.definitions.len();
    let ty = match component {
        Some(pointer) => types.reference(pointer),
        None => types.read(event.payload, Place::Called { module: ROOT, name: called.clone() }),
    };
    let text = docs::clean(&event.text);
    match ty {
        Type::Named(id) if id.0 == made && component.is_none() => {
            // Of an event that is sent the description is that of its type.
            let text = if types.definitions[id.0].docs == text { String::new() } else { text };
            add_docs(types, id, docs::paragraphs([text, direction(event)]));
            id
        }
        ty => {
            let text = docs::paragraphs([text, direction(event)]);
            let id = types.reserve(ROOT, &called, text);
            let rules = types.rules(event.payload, &ty);
            types.definitions[id.0].kind = Kind::Newtype(ty, rules);
            id
        }
    }
}

/// The name of an event's type; apart from that of an event of this name which goes the other way.
fn called(events: &[Event], event: &Event) -> String {
    let goes_both_ways = events.iter().filter(|other| other.name == event.name).count() > 1;
    let suffix = if goes_both_ways && event.sender == Sender::Server { "Sent" } else { "" };
    pascal(event.name) + suffix
}

fn direction(event: &Event) -> String {
    let who = match event.sender {
        Sender::Client => "the server handles",
        Sender::Server => "the server sends",
        Sender::Both => "the server handles and sends",
    };
    format!("The event `{}`, which {who}.", event.name)
}

fn add_docs(types: &mut Types, id: TypeId, text: String) {
    let docs = &mut types.definitions[id.0].docs;
    *docs = docs::paragraphs([std::mem::take(docs), text]);
}

/// The component that a payload refers to, or is the same as but for its title.
fn component(document: &Document, payload: &Value) -> Option<String> {
    let object = payload.as_object()?;
    if let Some(Value::String(pointer)) = object.get("$ref") {
        return (object.len() == 1).then(|| pointer.clone());
    }
    let bare = |schema: &Value| {
        let mut schema = schema.clone();
        schema.as_object_mut().map(|schema| schema.shift_remove("title"));
        schema
    };
    let wanted = bare(payload);
    document.schemas().find(|pointer| document.at(pointer).map(bare) == Some(wanted.clone()))
}

fn ack(types: &mut Types, event: &Event, name: &str) -> Option<Ack> {
    let called = format!("{name}Ack");
    match types.read(event.ack?, Place::New { module: ROOT, name: called.clone() }) {
        Type::Any | Type::Unit => None,
        Type::Named(id) if types.definitions[id.0].name == called => None,
        ty => Some(Ack { alias: types.modules.give(ROOT, &called), ty }),
    }
}
