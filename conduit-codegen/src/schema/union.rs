//! `oneOf`, `anyOf`, `enum` and several types: enums.

use serde_json::{Map, Value, json};

use super::{Place, Types, sole_reference, view::View};
use crate::{
    docs,
    model::{Body, Kind, Tag, Type, Variant},
    names::{Scope, pascal},
    references,
};

impl Types<'_> {
    /// `enum` and `const`.
    pub(super) fn one_of_values(&mut self, values: &[Value], place: Place) -> Type {
        if values.iter().all(Value::is_string) && !values.is_empty() {
            let texts = values.iter().filter_map(Value::as_str).map(|text| (text.to_owned(), String::new()));
            return self.strings(texts.collect(), place);
        }
        let all = |is: fn(&Value) -> bool| values.iter().all(is);
        match () {
            () if values.is_empty() => Type::Any,
            () if all(Value::is_null) => Type::Unit,
            () if all(Value::is_boolean) => Type::Bool,
            () if all(Value::is_i64) => Type::Integer("i64"),
            () if all(Value::is_u64) => Type::Integer("u64"),
            () if all(Value::is_number) => Type::Float("f64"),
            () => Type::Any,
        }
    }

    /// `type` with several types: what the schema says, for each of them.
    pub(super) fn one_of_kinds(&mut self, view: &View, kinds: &[Value], place: Place) -> Type {
        let members = kinds.iter().map(|kind| {
            let mut schema = view.keywords.clone();
            schema.retain(|keyword, _| !["title", "description"].contains(&keyword.as_str()));
            schema.insert("type".into(), kind.clone());
            if kind == "object" {
                let properties: Map<String, Value> = view.properties.iter().cloned().collect();
                schema.insert("properties".into(), properties.into());
                schema.insert("required".into(), view.required.clone().into());
            }
            Value::Object(schema)
        });
        self.union(&members.collect::<Vec<_>>(), place)
    }

    /// `oneOf` and `anyOf`.
    pub(super) fn union(&mut self, members: &[Value], place: Place) -> Type {
        let members: Vec<&Value> = members.iter().filter(|member| **member != Value::Bool(false)).collect();
        if let [only] = members.as_slice() {
            return self.read(only, place);
        }
        if let Some(texts) = members.iter().map(|member| self.texts(member)).collect::<Option<Vec<_>>>() {
            return self.strings(texts.concat(), place);
        }
        if members.is_empty() || members.iter().any(|member| !member.is_object()) {
            return Type::Any;
        }
        if let Some(variants) = members.iter().map(|member| self.outside(member)).collect::<Option<Vec<_>>>() {
            return self.tagged_outside(variants.concat(), place);
        }
        match self.tag(&members) {
            Some(tag) => self.tagged_inside(&tag, &members, place),
            None => self.untagged(&members, place),
        }
    }

    /// The strings that are all that a schema allows, each with its description.
    fn texts(&self, schema: &Value) -> Option<Vec<(String, String)>> {
        let object = schema.as_object()?;
        let view = View::of(self.document, object);
        let values = match (view.keyword("const"), view.keyword("enum")) {
            (Some(value), _) => vec![value.clone()],
            (None, Some(Value::Array(values))) => values.clone(),
            _ => return None,
        };
        let docs = if values.len() == 1 { docs::of_object(object) } else { String::new() };
        values.iter().map(|value| Some((value.as_str()?.to_owned(), docs.clone()))).collect()
    }

    fn strings(&mut self, texts: Vec<(String, String)>, place: Place) -> Type {
        let mut scope = Scope::default();
        let mut variants: Vec<Variant> = Vec::new();
        for (text, docs) in texts {
            if variants.iter().all(|variant| variant.wire != text) {
                variants.push(Variant { name: scope.give(&pascal(&text)), wire: text, docs, body: Body::Unit });
            }
        }
        self.enumeration(Tag::Outside, variants, place)
    }

    /// Name and content of what is tagged by the name of its only member, or by being a string.
    fn outside(&self, schema: &Value) -> Option<Vec<(String, String, Option<Value>)>> {
        if let Some(texts) = self.texts(schema) {
            return Some(texts.into_iter().map(|(text, docs)| (text, docs, None)).collect());
        }
        let object = schema.as_object()?;
        let view = View::of(self.document, object);
        match view.properties.as_slice() {
            [(name, content)] if view.closed && view.is_required(name) && self.texts(content).is_none() => {
                Some(vec![(name.clone(), docs::of_object(object), Some(content.clone()))])
            }
            _ => None,
        }
    }

    fn tagged_outside(&mut self, members: Vec<(String, String, Option<Value>)>, place: Place) -> Type {
        let id = self.claim(place, &Map::new());
        let mut scope = Scope::default();
        let variants = members.into_iter().map(|(wire, docs, content)| {
            let name = scope.give(&pascal(&wire));
            let body = content
                .map_or(Body::Unit, |content| Body::Of(self.read(&content, self.inside(&Place::Given(id), &name))));
            Variant { name, wire, docs, body }
        });
        let variants = variants.collect();
        self.definitions[id.0].kind = Kind::Enum { tag: Tag::Outside, variants };
        Type::Named(id)
    }

    /// The member that is required in all of them, and another constant string in each.
    fn tag(&self, members: &[&Value]) -> Option<String> {
        let views: Vec<View> = members
            .iter()
            .map(|member| member.as_object().map(|it| View::of(self.document, it)))
            .collect::<Option<_>>()?;
        let (first, _) = views.split_first()?;
        let is_tag = |name: &&String| {
            let mut values: Vec<String> = views.iter().filter_map(|view| self.constant(view, name)).collect();
            values.sort();
            values.dedup();
            values.len() == views.len()
        };
        first.properties.iter().map(|(name, _)| name).find(is_tag).cloned()
    }

    /// The only string that a required property can be.
    fn constant(&self, view: &View, property: &str) -> Option<String> {
        let (_, schema) = view.properties.iter().find(|(name, _)| name == property)?;
        match self.texts(schema)?.as_slice() {
            [(text, _)] if view.is_required(property) => Some(text.clone()),
            _ => None,
        }
    }

    fn tagged_inside(&mut self, tag: &str, members: &[&Value], place: Place) -> Type {
        let id = self.claim(place, &Map::new());
        let mut scope = Scope::default();
        let mut variants = Vec::new();
        for object in members.iter().filter_map(|member| member.as_object()) {
            let mut view = View::of(self.document, object);
            let wire = self.constant(&view, tag).unwrap_or_default();
            let name = scope.give(&pascal(&wire));
            view.properties.retain(|(property, _)| property != tag);
            let body = self.content(object, &view, tag, self.inside(&Place::Given(id), &name));
            variants.push(Variant { name, wire, docs: docs::of_object(object), body });
        }
        self.definitions[id.0].kind = Kind::Enum { tag: Tag::Inside(tag.to_owned()), variants };
        Type::Named(id)
    }

    /// What stands beside the tag.
    fn content(&mut self, object: &Map<String, Value>, view: &View, tag: &str, place: Place) -> Body {
        if let Some(Value::String(pointer)) = object.get("$ref") {
            // `{"properties": {"type": {"const": "a"}}, "$ref": ..}`: the tag, and a struct that does not know of it.
            let own = object.get("properties").and_then(Value::as_object).map_or(0, Map::len);
            let known = self.document.at(pointer).and_then(Value::as_object);
            let knows = known
                .is_some_and(|known| View::of(self.document, known).properties.iter().any(|(name, _)| name == tag));
            if own == 1 && !knows {
                return Body::Of(self.reference(pointer));
            }
        }
        if view.properties.is_empty() && view.unions.is_empty() {
            return Body::Unit;
        }
        if !view.unions.is_empty() || view.keywords.contains_key("additionalProperties") {
            let mut view = view.clone();
            view.closed = false;
            return Body::Of(self.read_view(&view, place));
        }
        let mut scope = Scope::default();
        let fields = view.properties.iter();
        Body::Fields(
            fields.map(|(name, schema)| self.field(name, schema, view.is_required(name), &place, &mut scope)).collect(),
        )
    }

    /// Whichever fits first. Those that ask for more come first, as those that ask for less would take theirs too.
    fn untagged(&mut self, members: &[&Value], place: Place) -> Type {
        let id = self.claim(place, &Map::new());
        let mut scope = Scope::default();
        let mut variants: Vec<(usize, Variant)> = Vec::new();
        for member in members {
            let label = label(member);
            let ty = self.read(member, self.inside(&Place::Given(id), &label));
            let is_there = variants.iter().any(|(_, variant)| matches!(&variant.body, Body::Of(other) if *other == ty));
            if !is_there {
                let docs = docs::of_schema(member);
                let variant = Variant { name: scope.give(&label), wire: String::new(), docs, body: Body::Of(ty) };
                variants.push((self.strictness(member), variant));
            }
        }
        variants.sort_by_key(|(strictness, _)| std::cmp::Reverse(*strictness));
        let variants: Vec<Variant> = variants.into_iter().map(|(_, variant)| variant).collect();
        self.definitions[id.0].kind = match variants.as_slice() {
            [Variant { body: Body::Of(only), .. }] => Kind::Alias(only.clone()),
            _ => Kind::Enum { tag: Tag::Nowhere, variants },
        };
        Type::Named(id)
    }

    /// How much a schema asks for, compared to others of the same union.
    fn strictness(&self, schema: &Value) -> usize {
        let Some(object) = schema.as_object() else { return 0 };
        let view = View::of(self.document, object);
        match view.kind() {
            None if view.unions.is_empty()
                && !view.keywords.contains_key("enum")
                && !view.keywords.contains_key("const") =>
            {
                0
            }
            Some("number") => 1,
            Some("object") => 2 + view.required.len(),
            _ => 3,
        }
    }

    fn enumeration(&mut self, tag: Tag, variants: Vec<Variant>, place: Place) -> Type {
        let id = self.claim(place, &Map::new());
        self.definitions[id.0].kind = Kind::Enum { tag, variants };
        Type::Named(id)
    }
}

/// What to call a member of a union that nothing tags.
fn label(schema: &Value) -> String {
    let Value::Object(object) = schema else { return "Any".into() };
    if let Some(pointer) = sole_reference(object) {
        return pascal(&references::last(pointer));
    }
    if let Some(title) = super::title(object) {
        return pascal(title);
    }
    let kind = object.get("type").and_then(Value::as_str);
    let kind = kind.or_else(|| object.get("properties").map(|_| "object"));
    match kind {
        Some("array") => "List".into(),
        Some(kind) => pascal(kind),
        None if json!(object).get("enum").is_some() => "Values".into(),
        None => "Any".into(),
    }
}
