//! What whoever asks for a name that there is not is told.

use crate::protocol::{ErrorCode, ErrorObject};

/// In how many names one is searched that may have been meant: each takes a tenth of a microsecond.
const LOOKED_THROUGH: usize = 500;

/// How much of the name is repeated, in characters.
const SHOWN: usize = 100;

/// The error of a call of a name that there is not. `known` are the names that the caller may learn of.
#[cold]
pub(crate) fn not_found<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ErrorObject {
    let shown: String = name.chars().take(SHOWN).collect();
    let hint = match nearest(&shown, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`listall` lists what there is".into(),
    };
    ErrorObject::with_code(ErrorCode::MethodNotFound, format!("method `{shown}` not found; {hint}"))
}

/// The name that was meant, if one is near; where there are very many, of some of them, as anybody may ask for names
/// that there are not.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.take(LOOKED_THROUGH).map(|known| (strsim::jaro_winkler(known, name), known));
    near.filter(|(near, _)| *near > 0.85)
        // Of two that are as near, always the same.
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|near| near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_or_where_names_are_listed() {
        let message = |name| not_found(name, ["ad", "add", "user.create"].into_iter()).message().to_owned();
        assert_eq!(message("addd"), "method `addd` not found; did you mean `add`?");
        assert_eq!(message("user.creat"), "method `user.creat` not found; did you mean `user.create`?");
        assert_eq!(message("zzz"), "method `zzz` not found; `listall` lists what there is");
        assert!(message(&"a".repeat(5000)).len() < 200);
    }

    #[test]
    fn the_order_of_the_names_does_not_matter() {
        let names = ["add1", "add2", "add3"];
        assert_eq!(nearest("add", names.into_iter()), nearest("add", names.into_iter().rev()));
    }
}
