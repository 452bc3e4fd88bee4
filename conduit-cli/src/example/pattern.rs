//! A text that a pattern matches.

use regex_syntax::{
    Parser,
    hir::{Class, Hir, HirKind},
};

/// The shortest plain text that matches, or `None` where the pattern can't be read.
pub(super) fn matching(pattern: &str) -> Option<String> {
    let mut text = String::new();
    write(&Parser::new().parse(pattern).ok()?, &mut text);
    Some(text)
}

fn write(part: &Hir, text: &mut String) {
    match part.kind() {
        // Ends of lines and words are taken to be where they are wanted.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.push(member(class)),
        HirKind::Repetition(repetition) => (0..repetition.min).for_each(|_| write(&repetition.sub, text)),
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, text)),
        HirKind::Alternation(parts) => write(&parts[0], text),
    }
}

/// A character of a class that is easy to read.
fn member(class: &Class) -> char {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let holds = |wanted: &char| ranges.iter().any(|(first, last)| (first..=last).contains(&wanted));
    let plain = ['a', 'A', '1', '0'].into_iter().chain(' '..='~').find(holds);
    plain.or_else(|| ranges.first().map(|range| range.0)).unwrap_or('a')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_plain_text_is_written() {
        let text = |pattern| matching(pattern).expect("a pattern");
        assert_eq!(text("^[A-Z]{3}-\\d+(x|y)?$"), "AAA-1");
        assert_eq!(text("(?:foo|bar).[^a]"), "fooaA");
        assert_eq!(text("^$"), "");
        assert_eq!(matching("(?=a)"), None);
    }
}
