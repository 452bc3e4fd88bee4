//! The parser keeps its promises on the fuzzer's seeds, and on texts made from them: what `fuzz/run` searches for
//! at length, in seconds and the same way every time.

#[path = "../fuzz/src/check.rs"]
mod check;

use std::ops::Range;

use check::check_parse;

const MUTANTS: usize = 200_000;

#[test]
fn the_parser_keeps_its_promises_on_the_seeds() {
    seeds().iter().for_each(|seed| check(seed));
}

#[test]
fn the_parser_keeps_its_promises_on_mutants_of_the_seeds() {
    let seeds = seeds();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..MUTANTS {
        check(&mutant(&seeds, &mut random));
    }
}

fn check(text: &str) {
    let blame = Blame(text);
    check_parse(text);
    drop(blame);
}

/// Says which text it was when the check panics.
struct Blame<'a>(&'a str);

impl Drop for Blame<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the text is {:?}", self.0);
        }
    }
}

fn seeds() -> Vec<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/parse");
    let mut files: Vec<_> =
        std::fs::read_dir(directory).expect("the seeds").map(|file| file.expect("a file").path()).collect();
    // The order of a directory is any.
    files.sort();
    assert!(files.len() > 20, "{} seeds", files.len());
    files.iter().map(|file| std::fs::read_to_string(file).expect("UTF-8")).collect()
}

/// What may stand in an object.
const MEMBERS: &[&str] = &[
    r#""jsonrpc":"2.0","#,
    r#""jsonrpc":"1.0","#,
    r#""timeout_ms":250,"#,
    r#""timeout_ms":"1s","#,
    r#""method":"m","#,
    r#""params":[1],"#,
    r#""params":{},"#,
    r#""params":7,"#,
    r#""id":1,"#,
    r#""id":{},"#,
    r#""result":null,"#,
    r#""error":{"code":1,"message":""},"#,
    r#""\u0069d":2,"#,
    r#""\ud83e":3,"#,
];

/// What may stand for a value.
const VALUES: &[&str] = &[
    "null",
    "true",
    "-0",
    "1e400",
    "18446744073709551616",
    "[]",
    "{}",
    "[[1]]",
    r#""""#,
    r#""\ud83e""#,
    r#""\u0000""#,
];

/// What breaks JSON nearly everywhere.
const NOISE: &[&str] =
    &["{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\n", "\0", "\u{feff}", "\u{1F980}", "01", "nul", "\\u12"];

/// A seed with one to three changes. Those that cut through a character leave a replacement character there.
fn mutant(seeds: &[String], random: &mut Random) -> String {
    let mut text = random.one_of(seeds).clone().into_bytes();
    for _ in 0..=random.below(3) {
        if random.below(4) == 0 { disturb(&mut text, random) } else { rearrange(&mut text, seeds, random) }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Changes what the JSON says, and leaves it JSON for the most part.
fn rearrange(text: &mut Vec<u8>, seeds: &[String], random: &mut Random) {
    match random.below(4) {
        0 => {
            if let Some(brace) = random.position(text, |byte| byte == b'{') {
                text.splice(brace + 1..=brace, random.one_of(MEMBERS).bytes());
            }
        }
        1 => {
            if let Some(digit) = random.position(text, |byte| byte.is_ascii_digit()) {
                text.splice(digit..=digit, random.one_of(VALUES).bytes());
            }
        }
        2 => {
            if let Some(letter) = random.position(text, |byte| byte.is_ascii_alphabetic()) {
                text[letter] ^= 0x20;
            }
        }
        _ => *text = [b"[", &text[..], b",", random.one_of(seeds).as_bytes(), b"]"].concat(),
    }
}

/// Changes bytes, whatever they mean.
fn disturb(text: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(text.len() + 1);
    let range = random.range(text.len());
    match random.below(5) {
        0 => drop(text.drain(range)),
        1 => drop(text.splice(range, random.one_of(NOISE).bytes())),
        2 => drop(text.splice(at..at, random.one_of(NOISE).bytes())),
        3 => drop(text.splice(at..at, text[range].to_vec())),
        _ => text[range].iter_mut().take(1).for_each(|byte| *byte = random.next().to_le_bytes()[0]),
    }
}

/// Marsaglia's xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("less than a usize")
    }

    /// A part of `0..length`, short for the most part.
    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let end = start + self.below(length - start + 1).min(self.below(24));
        start..end
    }

    /// Where one of the bytes of this kind stands, if there is one.
    fn position(&mut self, text: &[u8], kind: impl Fn(u8) -> bool) -> Option<usize> {
        let positions: Vec<usize> = (0..text.len()).filter(|&at| kind(text[at])).collect();
        (!positions.is_empty()).then(|| *self.one_of(&positions))
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
