//! Documentation: what the document says, and in words what a schema asks for.

use serde_json::{Map, Value};

use crate::model::Rule;

/// The description of a schema.
pub(crate) fn of_schema(schema: &Value) -> String {
    schema.as_object().map(of_object).unwrap_or_default()
}

pub(crate) fn of_object(schema: &Map<String, Value>) -> String {
    clean(schema.get("description").and_then(Value::as_str).unwrap_or_default())
}

/// The description of a member, and what its value must satisfy.
pub(crate) fn of_member(schema: &Value, rules: &[Rule]) -> String {
    of_argument(&of_schema(schema), schema, rules)
}

/// The same, where the description stands beside the schema.
pub(crate) fn of_argument(text: &str, schema: &Value, rules: &[Rule]) -> String {
    let mut parts = vec![text.to_owned(), sentence(schema, rules)];
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        parts.push("Deprecated.".into());
    }
    paragraphs(parts)
}

/// Paragraphs, without those that are empty.
pub(crate) fn paragraphs(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// `3 to 30 characters, format `email`; `true` if left out`
pub(crate) fn words(schema: &Value, rules: &[Rule]) -> String {
    let default = schema.get("default").filter(|default| !default.is_null());
    let default = default.map(|default| format!("`{default}` if left out"));
    let rules = rule_words(rules);
    let parts: Vec<String> = (!rules.is_empty()).then(|| rules.join(", ")).into_iter().chain(default).collect();
    parts.join("; ")
}

fn sentence(schema: &Value, rules: &[Rule]) -> String {
    let words = words(schema, rules);
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn rule_words(rules: &[Rule]) -> Vec<String> {
    let rule = |keyword: &str| rules.iter().find(|rule| rule.keyword == keyword).map(|rule| &rule.value);
    let mut words = Vec::new();
    for (least, most, unit) in [
        ("minLength", "maxLength", " character"),
        ("minItems", "maxItems", " item"),
        ("minProperties", "maxProperties", " member"),
        ("minimum", "maximum", ""),
    ] {
        let several = |last: &Value| if unit.is_empty() || last == 1 { unit.to_owned() } else { format!("{unit}s") };
        words.extend(match (rule(least), rule(most)) {
            (Some(least), Some(most)) if least == most => Some(format!("{least}{}", several(least))),
            (Some(least), Some(most)) => Some(format!("{least} to {most}{}", several(most))),
            (Some(least), None) => Some(format!("at least {least}{}", several(least))),
            (None, Some(most)) => Some(format!("at most {most}{}", several(most))),
            (None, None) => None,
        });
    }
    words.extend(rule("exclusiveMinimum").map(|bound| format!("more than {bound}")));
    words.extend(rule("exclusiveMaximum").map(|bound| format!("less than {bound}")));
    words.extend(rule("multipleOf").map(|factor| format!("a multiple of {factor}")));
    words.extend(rule("uniqueItems").filter(|it| **it == Value::Bool(true)).map(|_| "no two alike".to_owned()));
    words.extend(rule("pattern").and_then(Value::as_str).map(|pattern| format!("matches `{pattern}`")));
    words.extend(rule("format").and_then(Value::as_str).map(|format| format!("format `{format}`")));
    words
}

/// Markdown of any origin as Markdown for rustdoc, which takes blocks of code for Rust and runs them as tests.
pub(crate) fn clean(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let lines = text.trim().lines().map(|line| {
        let line = line.trim_end();
        let bare = line.trim_start();
        match (fence, ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark))) {
            (None, Some(mark)) => {
                fence = Some(mark);
                let marks = bare.len() - bare.trim_start_matches(&mark[..1]).len();
                format!("{}text", &bare[..marks])
            }
            (Some(open), Some(mark)) if open == mark => {
                fence = None;
                bare.to_owned()
            }
            (Some(_), _) => line.to_owned(),
            // Four spaces would be a block of code too.
            (None, None) => format!("{}{bare}", " ".repeat((line.len() - bare.len()).min(3))),
        }
    });
    let mut lines: Vec<String> = lines.collect();
    lines.extend(fence.map(str::to_owned));
    lines.join("\n")
}

/// One line of it, for a list.
pub(crate) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(schema: &Value) -> Vec<Rule> {
        let rule = |(keyword, value): (&String, &Value)| Rule { keyword: keyword.clone(), value: value.clone() };
        schema.as_object().unwrap().iter().map(rule).collect()
    }

    #[test]
    fn rules_are_told_in_words() {
        for (schema, words) in [
            (json!({ "minLength": 3, "maxLength": 30 }), "3 to 30 characters."),
            (json!({ "minItems": 1, "uniqueItems": true }), "At least 1 item, no two alike."),
            (
                json!({ "maximum": 5, "exclusiveMinimum": 0, "multipleOf": 0.5 }),
                "At most 5, more than 0, a multiple of 0.5.",
            ),
            (json!({ "format": "email", "default": "a@b" }), "Format `email`; `\"a@b\"` if left out."),
            (json!({}), ""),
        ] {
            assert_eq!(sentence(&schema, &rules(&schema)), words);
        }
    }

    #[test]
    fn no_text_becomes_a_test() {
        let text = "Sums:\n\n    sum(1, 2)\n\n```\nsum(1)\n```\n~~~js\nsum()\n";
        assert_eq!(clean(text), "Sums:\n\n   sum(1, 2)\n\n```text\nsum(1)\n```\n~~~text\nsum()\n~~~");
    }
}
