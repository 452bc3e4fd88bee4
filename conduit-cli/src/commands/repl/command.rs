//! What a line asks for.

use super::words;
use crate::{
    api::nearest,
    failure::{Failure, Result},
};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Nothing,
    Help,
    List,
    Describe(String),
    Listen(Vec<String>),
    Ignore(Vec<String>),
    Send(String, Vec<String>),
    Quit,
    Call(String, Vec<String>),
}

/// The commands that are no calls.
pub(super) const NAMES: [&str; 7] = [":describe", ":help", ":ignore", ":list", ":listen", ":quit", ":send"];

pub(super) const HELP: &str = "\
METHOD name=value ..     call a method; also name=a name=b for a list, name.member=value, name:=json,
                         name=@file, or all arguments as JSON
:list                    the methods and events of the server
:describe NAME           a method or event: arguments, errors, an example
:send EVENT PAYLOAD      send an event, and show what its handler answers
:listen [EVENT ..]       show these events as they come, or all of them
:ignore [EVENT ..]       show them no more
:quit, or Ctrl-D         leave

Tab completes names of methods, arguments and values. Ctrl-C takes a call back. Lines that start
with a space or # are not kept in the history; # is a comment.";

impl Command {
    pub(super) fn read(line: &str) -> Result<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let mut words = words::split(rest)?;
        match (name, words.len()) {
            (":help" | ":h" | ":?", _) => Ok(Self::Help),
            (":list" | ":l", 0) => Ok(Self::List),
            (":list" | ":l" | ":describe" | ":d", 1) => Ok(Self::Describe(words.remove(0))),
            (":listen", _) => Ok(Self::Listen(words)),
            (":ignore", _) => Ok(Self::Ignore(words)),
            (":send", 1..) => Ok(Self::Send(words.remove(0), words)),
            (":quit" | ":q", 0) => Ok(Self::Quit),
            (":describe" | ":d", _) => Err(Failure::usage("wanted one name").help("write :describe NAME")),
            (":send", _) => Err(Failure::usage("wanted an event").help("write :send EVENT PAYLOAD")),
            (":list" | ":l" | ":quit" | ":q", _) => Err(Failure::usage(format!("`{name}` takes nothing more"))),
            (name, _) if name.starts_with(':') => Err(unknown(name)),
            (method, _) if words.iter().any(|word| word == "-") => {
                Err(Failure::usage(format!("`-` can't be an argument of `{method}` here"))
                    .help("arguments are typed, or come from a file: name=@file, @file"))
            }
            (method, _) => Ok(Self::Call(method.to_owned(), words)),
        }
    }
}

/// The command that was meant by a word without its colon.
pub(super) fn meant(word: &str) -> Option<&'static str> {
    match word {
        "exit" => Some(":quit"),
        "?" => Some(":help"),
        word => NAMES.into_iter().find(|name| name[1..] == *word),
    }
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no command `{name}`"));
    match nearest(name, NAMES.into_iter()) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("`:help` lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Command {
        Command::read(line).expect("a command")
    }

    #[test]
    fn a_line_is_a_call_or_a_command() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(read(" add a=1  b=2 "), Command::Call("add".into(), words(&["a=1", "b=2"])));
        assert_eq!(read("add"), Command::Call("add".into(), vec![]));
        assert_eq!(read(":send chat text=hello"), Command::Send("chat".into(), words(&["text=hello"])));
        assert_eq!(read(":listen"), Command::Listen(vec![]));
        assert_eq!(read(":ignore tick"), Command::Ignore(words(&["tick"])));
        assert_eq!(read(":list add"), Command::Describe("add".into()));
        assert_eq!(
            (read(""), read("# no"), read(":q"), read(":?")),
            (Command::Nothing, Command::Nothing, Command::Quit, Command::Help)
        );
    }

    #[test]
    fn what_is_no_command_is_told_with_what_was_meant() {
        let refusal = |line: &str| Command::read(line).expect_err("refused").text();
        assert!(refusal(":lisst").contains("did you mean"), "{}", refusal(":lisst"));
        assert!(refusal(":zzz").contains("`:help` lists them"));
        assert!(refusal(":describe").contains("write :describe NAME"));
        assert!(refusal(":send").contains("write :send EVENT PAYLOAD"));
        assert!(refusal(":quit now").contains("takes nothing more"));
        assert!(refusal("add -").contains("can't be an argument"));
    }

    #[test]
    fn a_word_without_its_colon_is_known() {
        let meant = ["exit", "help", "?", "quit", "add"].map(meant);
        assert_eq!(meant, [Some(":quit"), Some(":help"), Some(":help"), Some(":quit"), None]);
    }

    #[test]
    fn the_help_tells_of_every_command() {
        assert!(NAMES.iter().all(|name| *name == ":help" || HELP.contains(name)));
    }
}
