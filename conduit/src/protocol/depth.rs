//! How deep a text is nested, found without reading it as JSON.

/// Whether arrays and objects lie inside one another more than `limit` deep. Of a text that is not JSON the answer may be
/// either.
pub(super) fn is_over(text: &str, limit: usize) -> bool {
    text.len() > limit && openings(text) > limit && depth(text) > limit
}

/// How many brackets open, those in strings among them: an upper bound that costs next to nothing, since the compiler
/// makes one comparison of many bytes of it. Few messages come near a limit.
fn openings(text: &str) -> usize {
    // `[` and `{` differ in one bit.
    text.bytes().filter(|byte| byte | 0x20 == b'{').count()
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string) = (0_usize, 0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_side_by_side_are_no_depth() {
        assert_eq!(depth(r#"{"a": "[[[[", "b": [[1], [2]], "c\"[": {}}"#), 3);
        assert_eq!(depth("1"), 0);
        assert!(!is_over(&"[],".repeat(1000), 1));
        assert!(!is_over("[[]]", 2));
        assert!(is_over("[[[]]]", 2));
    }
}
