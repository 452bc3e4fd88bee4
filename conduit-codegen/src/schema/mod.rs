//! JSON Schema to types.
//!
//! Drafts from 4 on are read, and what there is no type for is any value: a schema that is valid never fails.
//!
//! - Objects with properties are structs, others maps. `allOf`, and what stands beside a `$ref`, is taken together.
//! - `oneOf` and `anyOf` are enums: of strings, tagged by the name of the only member, tagged by a member that is a
//!   constant in all of them, or else whichever fits. With null beside it a type is an `Option`.
//! - Integers have the smallest type that holds their bounds. Strings are `String`, whatever their format.
//! - An object with a title is called by it. Two of the same title and structure are one type, which is that of the
//!   components if there is one of the same structure.

mod number;
mod recursion;
pub(crate) mod same;
mod union;
mod view;

use std::collections::HashMap;

use serde_json::{Map, Value};

use self::view::{View, sole_reference};
use crate::{
    docs,
    document::Document,
    model::{Definition, Field, Fields, Kind, Presence, Rule, Type, TypeId},
    modules::{ModuleId, Modules, ROOT},
    names::{Scope, pascal, snake},
    references,
};

/// The keywords that are rules for a value of the type that was found.
const RULES: [&str; 14] = [
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The longest tuple, and the longest array, that serde and schemars know.
const MOST_MEMBERS: usize = 12;
const LONGEST_ARRAY: usize = 32;

/// The types of a document, as far as they have been asked for.
#[derive(Debug)]
pub(crate) struct Types<'a> {
    document: &'a Document,
    pub(crate) modules: Modules,
    pub(crate) definitions: Vec<Definition>,
    by_pointer: HashMap<String, TypeId>,
    /// What has a title, without it, and the type that it became.
    titled: Vec<(Value, Type)>,
    /// What is being read, and the definition that it has become already.
    open: Vec<(Map<String, Value>, Option<TypeId>)>,
}

/// Where a definition goes, if one is needed.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// To a module, by this name unless the schema has a title.
    New { module: ModuleId, name: String },
    /// To a module, by this name.
    Called { module: ModuleId, name: String },
    /// Here: it has its name already.
    Given(TypeId),
}

impl<'a> Types<'a> {
    pub(crate) fn new(document: &'a Document, modules: Modules) -> Self {
        Self {
            document,
            modules,
            definitions: Vec::new(),
            by_pointer: HashMap::new(),
            titled: Vec::new(),
            open: Vec::new(),
        }
    }

    /// The type of a schema.
    pub(crate) fn read(&mut self, schema: &Value, place: Place) -> Type {
        let Value::Object(object) = schema else { return Type::Any };
        if let Some(pointer) = sole_reference(object) {
            let nullable = object.get("nullable") == Some(&Value::Bool(true));
            let ty = self.reference(pointer);
            return if nullable { ty.optional() } else { ty };
        }
        match (title(object), place) {
            (Some(title), Place::New { module, name }) => self.read_titled(object, title, module, name),
            (_, place) => self.read_object(object, place),
        }
    }

    /// The type of a part of the document. It has a name there, so it has one here.
    pub(crate) fn reference(&mut self, pointer: &str) -> Type {
        if let Some(id) = self.by_pointer.get(pointer) {
            return Type::Named(*id);
        }
        let document = self.document;
        let schema = document.at(pointer).unwrap_or(&Value::Bool(true));
        let id = self.reserve(ROOT, &pascal(&references::last(pointer)), docs::of_schema(schema));
        self.by_pointer.insert(pointer.to_owned(), id);
        let ty = self.read(schema, Place::Given(id));
        if ty != Type::Named(id) {
            self.definitions[id.0].kind = Kind::Alias(ty);
        }
        Type::Named(id)
    }

    /// A title names the type, and what is the same is one type.
    fn read_titled(&mut self, object: &Map<String, Value>, title: &str, module: ModuleId, name: String) -> Type {
        let bare = without_title(object);
        if let Some((_, ty)) = self.titled.iter().find(|(other, _)| *other == bare) {
            return ty.clone();
        }
        let same = |pointer: &String| {
            self.document.at(pointer).and_then(Value::as_object).map(without_title) == Some(bare.clone())
        };
        if is_defined(object)
            && let Some(pointer) = self.document.schemas().find(same)
        {
            return self.reference(&pointer);
        }
        let place = match is_defined(object) {
            true => Place::Called { module: ROOT, name: pascal(title) },
            false => Place::Called { module, name },
        };
        let ty = self.read_object(object, place);
        if is_defined(object) {
            self.titled.push((bare, ty.clone()));
        }
        ty
    }

    fn read_object(&mut self, object: &Map<String, Value>, place: Place) -> Type {
        let view = View::of(self.document, object);
        // A part that `allOf` takes from what it is in has the same part in its turn.
        let again =
            self.open.iter().find(|(other, _)| other == object).map(|(_, id)| id.map_or(Type::Any, Type::Named));
        let ty = again.unwrap_or_else(|| {
            self.open.push((object.clone(), None));
            let place = self.place_without_null(&view, place);
            let ty = self.read_view(&view, place);
            self.open.pop();
            ty
        });
        if view.nullable { ty.optional() } else { ty }
    }

    /// A name is that of the type with null, so what is without needs another.
    fn place_without_null(&self, view: &View, place: Place) -> Place {
        match place {
            Place::Given(id) if view.nullable => {
                let Definition { module, name, .. } = &self.definitions[id.0];
                Place::Called { module: *module, name: format!("{name}Value") }
            }
            place => place,
        }
    }

    fn read_view(&mut self, view: &View, place: Place) -> Type {
        if let Some(value) = view.keyword("const") {
            return self.one_of_values(std::slice::from_ref(value), place);
        }
        if let Some(Value::Array(values)) = view.keyword("enum") {
            return self.one_of_values(values, place);
        }
        if let Some(Value::Array(kinds)) = view.keyword("type") {
            return self.one_of_kinds(view, kinds, place);
        }
        let unions: Vec<&Vec<Value>> = view.unions.iter().filter(|members| !members.iter().all(is_mere_rule)).collect();
        match (unions.as_slice(), view.properties.is_empty()) {
            ([], _) => {}
            ([members], true) => return self.union(members, place),
            (unions, _) => return self.structure(view, unions, place),
        }
        match view.kind() {
            Some("object") => self.object(view, place),
            Some("array") => self.array(view, &place),
            Some("string") => Type::String,
            Some("integer") => Type::Integer(number::integer(view)),
            Some("number") => {
                Type::Float(if view.keyword("format").is_some_and(|it| it == "float") { "f32" } else { "f64" })
            }
            Some("boolean") => Type::Bool,
            Some("null") => Type::Unit,
            _ => Type::Any,
        }
    }

    fn object(&mut self, view: &View, place: Place) -> Type {
        if !view.properties.is_empty() || (view.closed && !view.keywords.contains_key("patternProperties")) {
            return self.structure(view, &[], place);
        }
        match self.values(view, &place) {
            Some(ty) => Type::Map(Box::new(ty)),
            None => Type::Object,
        }
    }

    /// The type of the members that have no names in the schema, if it says one.
    fn values(&mut self, view: &View, place: &Place) -> Option<Type> {
        let patterns = view.keyword("patternProperties").and_then(Value::as_object);
        let schemas: Vec<&Value> = patterns
            .into_iter()
            .flat_map(Map::values)
            .chain(view.keyword("additionalProperties"))
            .filter(|schema| **schema != Value::Bool(false))
            .collect();
        match schemas.as_slice() {
            [] => None,
            [only] => Some(self.read(only, self.inside(place, "Value"))),
            _ => Some(Type::Any),
        }
    }

    /// A struct; the members of `unions` are among its own.
    fn structure(&mut self, view: &View, unions: &[&Vec<Value>], place: Place) -> Type {
        let id = self.claim(place, &view.keywords);
        let place = Place::Given(id);
        let mut scope = Scope::default();
        let mut named: Vec<Field> = view
            .properties
            .iter()
            .map(|(name, schema)| self.field(name, schema, view.is_required(name), &place, &mut scope))
            .collect();
        for members in unions {
            let ty = self.union(members, self.inside(&place, "Kind"));
            named.push(flat(&mut scope, "kind", ty));
        }
        if let Some(ty) = self.values(view, &place) {
            named.push(flat(&mut scope, "others", Type::Map(Box::new(ty))));
        }
        let closed = view.closed && named.iter().all(|field| field.presence != Presence::Flat);
        self.definitions[id.0].kind = Kind::Struct(Fields { named, closed });
        Type::Named(id)
    }

    /// A member of an object, or an argument.
    pub(crate) fn field(
        &mut self,
        wire: &str,
        schema: &Value,
        required: bool,
        place: &Place,
        scope: &mut Scope,
    ) -> Field {
        let ty = self.read(schema, self.inside(place, &pascal(wire)));
        let rules = self.rules(schema, &ty);
        let nullable = matches!(ty, Type::Option(_));
        let (ty, presence) = if required { (ty, Presence::Required) } else { (optional(ty), Presence::Optional) };
        let docs = docs::of_member(schema, &rules);
        Field { name: scope.give(&snake(wire)), wire: wire.to_owned(), ty, presence, nullable, docs, rules }
    }

    /// The fields of a struct that needs no definition, because they are those of a variant; `None` for any other type.
    pub(crate) fn fields_of(&mut self, schema: &Value, place: &Place) -> Option<Vec<Field>> {
        let view = View::of(self.document, schema.as_object()?);
        let is_plain = !view.nullable && view.unions.is_empty() && !view.keywords.contains_key("additionalProperties");
        if !is_plain || view.properties.is_empty() {
            return None;
        }
        let mut scope = Scope::default();
        let fields = view.properties.iter();
        Some(fields.map(|(name, schema)| self.field(name, schema, view.is_required(name), place, &mut scope)).collect())
    }

    fn array(&mut self, view: &View, place: &Place) -> Type {
        let count =
            |keyword: &str| view.keyword(keyword).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        let (least, most) = (count("minItems"), count("maxItems"));
        // A list of schemas in `items` is what `prefixItems` was before 2020-12, and `additionalItems` was the rest.
        let (first, rest) = match (view.keyword("prefixItems"), view.keyword("items")) {
            (Some(Value::Array(first)), rest) => (first.as_slice(), rest),
            (_, Some(Value::Array(first))) => (first.as_slice(), view.keyword("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        if first.is_empty() {
            let item = rest.map_or(Type::Any, |items| self.read(items, self.inside(place, "Item")));
            return match (least, most) {
                (Some(least), Some(most)) if least == most && (1..=LONGEST_ARRAY).contains(&most) => {
                    Type::Array(Box::new(item), most)
                }
                _ => Type::List(Box::new(item)),
            };
        }
        let whole = rest == Some(&Value::Bool(false)) || most.is_some_and(|most| most <= first.len());
        if whole && least.is_some_and(|least| least >= first.len()) && first.len() <= MOST_MEMBERS {
            let member =
                |(at, schema): (usize, &Value)| self.read(schema, self.inside(place, &format!("Item{}", at + 1)));
            return Type::Tuple(first.iter().enumerate().map(member).collect());
        }
        Type::List(Box::new(Type::Any))
    }

    /// What a value must satisfy beyond its type.
    pub(crate) fn rules(&self, schema: &Value, ty: &Type) -> Vec<Rule> {
        let Value::Object(object) = schema else { return Vec::new() };
        let view = View::of(self.document, object);
        let says_more = |keyword: &&str, value: &Value| match (*keyword, ty_without_option(self.resolve(ty))) {
            ("minimum", Type::Integer(name)) => number::range(name)
                .is_none_or(|(least, _)| value.as_number().and_then(serde_json::Number::as_i128) != Some(least)),
            ("maximum", Type::Integer(name)) => number::range(name)
                .is_none_or(|(_, most)| value.as_number().and_then(serde_json::Number::as_i128) != Some(most)),
            ("minItems" | "maxItems", Type::Array(..) | Type::Tuple(_)) => false,
            ("format", Type::String) => true,
            ("format", _) => false,
            _ => true,
        };
        let rules = RULES.iter().filter_map(|keyword| {
            let value = view.keyword(keyword)?;
            says_more(keyword, value).then(|| Rule { keyword: (*keyword).to_owned(), value: value.clone() })
        });
        rules.collect()
    }

    /// What an alias stands for.
    fn resolve<'t>(&'t self, mut ty: &'t Type) -> &'t Type {
        for _ in 0..self.definitions.len() {
            match ty {
                Type::Named(id) => match &self.definitions[id.0].kind {
                    Kind::Alias(inner) => ty = inner,
                    _ => break,
                },
                _ => break,
            }
        }
        ty
    }

    /// The place of a part of what has a place.
    pub(crate) fn inside(&self, place: &Place, part: &str) -> Place {
        let (module, name) = match place {
            Place::New { module, name } | Place::Called { module, name } => (*module, name),
            Place::Given(id) => (self.definitions[id.0].module, &self.definitions[id.0].name),
        };
        Place::New { module, name: format!("{name}{part}") }
    }

    /// The definition of a place, which is needed now.
    fn claim(&mut self, place: Place, keywords: &Map<String, Value>) -> TypeId {
        let id = match place {
            Place::Given(id) => id,
            Place::New { module, name } | Place::Called { module, name } => {
                self.reserve(module, &name, docs::of_object(keywords))
            }
        };
        if let Some((_, open @ None)) = self.open.last_mut() {
            *open = Some(id);
        }
        id
    }

    /// A definition that is to be filled. Until then it is any value, which is what something is that refers to
    /// itself and nothing else.
    pub(crate) fn reserve(&mut self, module: ModuleId, name: &str, docs: String) -> TypeId {
        let name = self.modules.give(module, name);
        let alike = same::bare(&name).to_owned();
        self.definitions.push(Definition { module, name, alike, docs, kind: Kind::Alias(Type::Any) });
        TypeId(self.definitions.len() - 1)
    }
}

/// A member that may be left out.
fn optional(ty: Type) -> Type {
    match ty {
        Type::Option(_) => ty,
        other => Type::Option(Box::new(other)),
    }
}

fn ty_without_option(ty: &Type) -> &Type {
    match ty {
        Type::Option(inner) => inner,
        other => other,
    }
}

fn flat(scope: &mut Scope, name: &str, ty: Type) -> Field {
    let (name, wire, docs) = (scope.give(name), String::new(), String::new());
    Field { name, wire, ty, presence: Presence::Flat, nullable: false, docs, rules: Vec::new() }
}

/// The title, if it can be the name of a type.
pub(crate) fn title(object: &Map<String, Value>) -> Option<&str> {
    let title = object.get("title")?.as_str()?;
    let is_name = title.len() <= 60 && title.split_whitespace().count() <= 5 && title.chars().any(char::is_alphabetic);
    is_name.then_some(title)
}

fn without_title(object: &Map<String, Value>) -> Value {
    object
        .iter()
        .filter(|(keyword, _)| *keyword != "title")
        .map(|(keyword, value)| (keyword.clone(), value.clone()))
        .collect()
}

/// Whether a schema is about to become a struct or an enum.
fn is_defined(object: &Map<String, Value>) -> bool {
    ["properties", "oneOf", "anyOf", "allOf", "enum"].iter().any(|keyword| object.contains_key(*keyword))
}

/// Whether a member of a union says nothing of the structure, such as which of two properties is required.
fn is_mere_rule(schema: &Value) -> bool {
    let says = |keyword: &&str| schema.get(*keyword).is_some();
    let structure = [
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "items",
        "oneOf",
        "prefixItems",
        "properties",
        "type",
    ];
    schema.is_object() && !structure.iter().any(says)
}
