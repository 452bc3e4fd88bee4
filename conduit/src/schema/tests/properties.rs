//! The quick check, jsonschema and the report agree on every value.

use std::collections::BTreeSet;

use jsonschema::{ValidationError, error::ValidationErrorKind};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use super::{
    generate::{self, Kind, Tape},
    shapes::{
        Add, Collections, CreateUser, Everything, Flattened, FlattenedMap, Formats, Numbers, Strict, arguments, raw,
    },
};
use crate::schema::{
    Arguments, check,
    check::Plan,
    leaf::{self, Leaves},
    report::{explain::Explainer, path::Path, text},
};

fn tape() -> impl Strategy<Value = Tape> {
    prop::collection::vec(any::<u32>(), 0..200).prop_map(Tape::new)
}

/// The value of a text, and whether it has no flaw.
fn parse(text: &str) -> (Value, bool) {
    let mut sound = true;
    let value = text::read(text, &mut |_, _| sound = false);
    (value, sound)
}

/// What serde says of values that the schemas of schemars take: a number beyond `f32`, an object with more than `Ok`
/// or `Err` for a `Result`, content for an adjacently tagged variant that has none.
const BY_SERDE_ALONE: [&str; 4] = ["number out of range", "expected value", "unknown variant", "invalid type"];

/// The clean verdict is right, and `read` takes what is valid and only that.
fn agree<P: DeserializeOwned + JsonSchema>(arguments: &Arguments, mut tape: Tape) -> Result<(), TestCaseError> {
    let value = generate::value(&arguments.schema, &arguments.schema, &mut tape, 12);
    if !value.is_object() {
        return Ok(());
    }
    let text = generate::write(&value, &mut tape);
    let (value, sound) = parse(&text);
    let outcome = check::read::<P>(&arguments.plan, &text);
    let clean = outcome.value.is_ok() && !outcome.doubt;
    // What has no schema is not looked into, so that the last of two equal keys counts, as always in serde_json.
    if clean && !sound {
        prop_assert!(text.contains("free") || text.contains("by_name"), "clean but unsound: {text}");
        return Ok(());
    }
    let valid = sound && arguments.validator.is_valid(&value);
    let checked = arguments.check("m", Some(&raw(&text)));
    prop_assert_eq!(checked.is_ok(), valid, "checked without the type: {}", text);
    prop_assert!(valid || !clean, "clean but invalid: {text}");
    match arguments.read::<P>("m", Some(&raw(&text))) {
        Ok(_) => prop_assert!(valid, "taken but invalid: {text}"),
        Err(error) => {
            prop_assert!(!clean);
            let data: Value = error.data_as().unwrap();
            let message = data["errors"][0]["message"].as_str().unwrap();
            let by_serde = BY_SERDE_ALONE.iter().any(|known| message.starts_with(known));
            prop_assert!(!valid || by_serde, "refused but valid: {text}: {data}");
            prop_assert!(!data["errors"].as_array().unwrap().is_empty());
        }
    }
    Ok(())
}

macro_rules! agreement {
    ($($name:ident: $type:ty)*) => {$(
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(cases(500)))]
            #[test]
            fn $name(tape in tape()) {
                thread_local!(static ARGUMENTS: Arguments = arguments::<$type>());
                ARGUMENTS.with(|arguments| agree::<$type>(arguments, tape))?;
            }
        }
    )*};
}

agreement! {
    add_is_read_as_jsonschema_says: Add
    create_user_is_read_as_jsonschema_says: CreateUser
    everything_is_read_as_jsonschema_says: Everything
    numbers_are_read_as_jsonschema_says: Numbers
    formats_are_read_as_jsonschema_says: Formats
    flattened_is_read_as_jsonschema_says: Flattened
    flattened_map_is_read_as_jsonschema_says: FlattenedMap
    nested_strictness_is_read_as_jsonschema_says: Strict
    collections_are_read_as_jsonschema_says: Collections
}

fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

/// A schema of a kind, with a text for it; not every schema is one that compiles.
fn case(kind: Kind, mut tape: Tape) -> Option<(Value, jsonschema::Validator, String)> {
    let schema = generate::schema(kind, &mut tape);
    let validator = leaf::validator(&schema).ok()?;
    let value = generate::value(&schema, &schema, &mut tape, 8);
    let text = generate::write(&value, &mut tape);
    Some((schema, validator, text))
}

/// What jsonschema has against a value, each with the path and the keyword that the report gives.
fn faults(validator: &jsonschema::Validator, value: &Value) -> BTreeSet<(String, String)> {
    let mut faults = BTreeSet::new();
    let key = |error: &ValidationError<'_>, key: &str| format!("{}{}", error.instance_path(), Path::Root.key(key));
    for error in validator.iter_errors(value) {
        let keyword = error.kind().keyword().to_owned();
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                faults.insert((key(&error, property.as_str().unwrap()), keyword));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                faults.extend(unexpected.iter().map(|name| (key(&error, name), keyword.clone())));
            }
            _ => {
                faults.insert((error.instance_path().to_string(), keyword));
            }
        }
    }
    // Of 1.5 for an integer it also says that it is less than 2.
    let mistyped: Vec<String> =
        faults.iter().filter(|(_, keyword)| keyword == "type").map(|(path, _)| path.clone()).collect();
    faults.retain(|(path, keyword)| keyword == "type" || !mistyped.contains(path));
    faults
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1500)))]

    #[test]
    fn plain_schemas_are_checked_exactly(tape in tape()) {
        let Some((schema, validator, text)) = case(Kind::Plain, tape) else { return Ok(()) };
        let (value, sound) = parse(&text);
        let plan = Plan::of(&schema);
        let valid = validator.is_valid(&value);
        let values = check::read::<Value>(&plan, &text);
        let ignored = check::read::<IgnoredAny>(&plan, &text);
        if sound {
            prop_assert_eq!(values.value.is_ok(), valid, "{} {}", schema, text);
            prop_assert_eq!(ignored.value.is_ok(), valid, "{} {}", schema, text);
        }
        prop_assert!(!sound || !values.doubt, "{} {}", schema, text);
    }

    #[test]
    fn any_schema_is_checked_exactly_or_asked_about(tape in tape()) {
        let Some((schema, validator, text)) = case(Kind::Any, tape) else { return Ok(()) };
        let (value, sound) = parse(&text);
        let outcome = check::read::<Value>(&Plan::of(&schema), &text);
        if sound && !outcome.doubt {
            prop_assert_eq!(outcome.value.is_ok(), validator.is_valid(&value), "{} {}", schema, text);
        }
    }

    #[test]
    fn faults_of_plain_schemas_are_those_of_jsonschema(tape in tape()) {
        let Some((schema, validator, text)) = case(Kind::Plain, tape) else { return Ok(()) };
        let (value, _) = parse(&text);
        let leaves = Leaves::of(&schema);
        let mut explainer = Explainer::new(&schema, &leaves, false);
        explainer.check(&schema, &value, &Path::Root);
        prop_assume!(explainer.found.untold() == 0);
        let told: BTreeSet<_> = explainer.found.problems.iter().map(|it| (it.path.clone(), it.keyword.clone())).collect();
        prop_assert_eq!(told, faults(&validator, &value), "{} {}", schema, text);
    }

    #[test]
    fn there_is_something_to_tell_exactly_when_a_value_is_invalid(tape in tape()) {
        let Some((schema, validator, text)) = case(Kind::Any, tape) else { return Ok(()) };
        let (value, _) = parse(&text);
        let leaves = Leaves::of(&schema);
        let mut explainer = Explainer::new(&schema, &leaves, false);
        explainer.check(&schema, &value, &Path::Root);
        prop_assert_eq!(explainer.found.total == 0, validator.is_valid(&value), "{} {}", schema, text);
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,60}", tape in tape()) {
        let mut tape = tape;
        let strange = generate::anything(&mut tape, 4);
        let texts = [text, generate::write(&strange, &mut tape), json!({"shape": strange, "loose": strange}).to_string()];
        thread_local!(static ARGUMENTS: Arguments = arguments::<Everything>());
        for text in texts {
            if let Ok(params) = serde_json::value::RawValue::from_string(text) {
                ARGUMENTS.with(|arguments| _ = arguments.read::<Everything>("m", Some(params.get())));
            }
        }
    }

    #[test]
    fn plain_addresses_are_valid(
        address in "[a-zA-Z0-9._+-]{1,12}@[a-zA-Z0-9.-]{1,12}|[a-z.]{60,66}@[a-z.]{1,70}[.][a-z]{60,66}|[a-z]@[a-z.]{190,260}"
    ) {
        thread_local!(static EMAIL: jsonschema::Validator = leaf::validator(&json!({"format": "email"})).unwrap());
        prop_assert!(!check::is_plain_email(&address) || EMAIL.with(|email| email.is_valid(&json!(address))));
    }

    #[test]
    fn text_is_read_as_serde_json_reads_it(text in "[\\[\\]{}:,\"\\\\ a1e.u0-]{0,40}", any in ".{0,60}") {
        parse(&any);
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let (read, sound) = parse(&text);
            prop_assert!(read == value || !sound);
        }
    }
}
