//! The integer type that holds what a schema allows.

use serde_json::Value;

use super::view::View;

/// Every integer type that has bounds in JSON Schema, the smallest first.
const TYPES: [(&str, i128, i128); 8] = [
    ("u8", 0, u8::MAX as i128),
    ("i8", i8::MIN as i128, i8::MAX as i128),
    ("u16", 0, u16::MAX as i128),
    ("i16", i16::MIN as i128, i16::MAX as i128),
    ("u32", 0, u32::MAX as i128),
    ("i32", i32::MIN as i128, i32::MAX as i128),
    ("u64", 0, u64::MAX as i128),
    ("i64", i64::MIN as i128, i64::MAX as i128),
];

/// With both bounds the smallest type that holds them; with a lower one from 0 on `u64`; else `i64`. A format such as
/// `uint32` says the type itself.
pub(super) fn integer(view: &View) -> &'static str {
    let (low, high) = bounds(view);
    let format = view.keyword("format").and_then(Value::as_str).and_then(of_format);
    if let Some((name, ..)) =
        format.filter(|(_, least, most)| low.is_none_or(|low| low >= *least) && high.is_none_or(|high| high <= *most))
    {
        return name;
    }
    match (low, high) {
        (Some(low), Some(high)) => {
            let holds = |(_, least, most): &&(&str, i128, i128)| *least <= low && high <= *most;
            TYPES.iter().find(holds).map_or("i128", |(name, ..)| name)
        }
        (Some(low), None) if low >= 0 => "u64",
        (None, Some(high)) if high > i128::from(i64::MAX) => "i128",
        _ => "i64",
    }
}

/// The range of an integer type.
pub(super) fn range(name: &str) -> Option<(i128, i128)> {
    TYPES.iter().find(|(other, ..)| *other == name).map(|(_, least, most)| (*least, *most))
}

fn of_format(format: &str) -> Option<&'static (&'static str, i128, i128)> {
    let name = match format {
        "uint" => "u64".to_owned(),
        "int" => "i64".to_owned(),
        format => format.replacen("uint", "u", 1).replacen("int", "i", 1),
    };
    // Without a sign the format alone is enough; `int64` says no more than `integer` does where it is not negative.
    TYPES.iter().find(|(other, ..)| *other == name)
}

fn bounds(view: &View) -> (Option<i128>, Option<i128>) {
    let bound = |keyword: &str, inward: i128| {
        let value = view.keyword(keyword)?;
        value.as_number()?.as_i128().or_else(|| whole(value.as_f64()?)).map(|bound| bound + inward)
    };
    let lows = [bound("minimum", 0), bound("exclusiveMinimum", 1)];
    let highs = [bound("maximum", 0), bound("exclusiveMaximum", -1)];
    (lows.into_iter().flatten().max(), highs.into_iter().flatten().min())
}

/// `150.0` is a bound of integers too.
#[allow(clippy::cast_possible_truncation)]
fn whole(bound: f64) -> Option<i128> {
    (bound.fract() == 0.0 && bound.abs() < 1e30).then_some(bound as i128)
}
