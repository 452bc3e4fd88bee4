//! The line editor, in a thread of its own: it waits for keys, and the connection must not.

use std::{fs, path::PathBuf, sync::mpsc as std_mpsc, thread};

use rustyline::{ColorMode, CompletionType, Config, ExternalPrinter, error::ReadlineError, history::FileHistory};
use tokio::sync::mpsc;

use super::{complete::Names, helper::Prompt};
use crate::{
    exit::Exit,
    failure::{self, Failure, Result},
    output::{self, Level, Output},
};

/// What came from the keyboard.
pub(super) enum Line {
    Typed(String),
    /// Ctrl-C: the line is given up.
    Interrupted,
    /// Ctrl-D.
    End,
}

pub(super) struct Editor {
    /// Asks for a line, and says what can be completed in it.
    ask: std_mpsc::Sender<Names>,
    lines: mpsc::Receiver<Result<Line, ReadlineError>>,
    printer: Option<Printer>,
}

/// Prints while a line is being edited, above it.
pub(super) enum Printer {
    Above(Box<dyn ExternalPrinter + Send>),
    /// Where no line is edited.
    Plain,
}

type Inner = rustyline::Editor<Prompt, FileHistory>;

impl Editor {
    pub(super) fn start(host: &str, history: Option<PathBuf>) -> Result<Self> {
        let (ask, asked) = std_mpsc::channel();
        let (answer, lines) = mpsc::channel(1);
        let (ready, started) = std_mpsc::channel();
        let prompt = format!("{host}> ");
        thread::spawn(move || match open() {
            Ok((editor, printer)) => {
                // Whoever started this waits for it.
                let _ = ready.send(Ok(printer));
                edit(editor, &prompt, &History::open(history), &asked, &answer);
            }
            Err(error) => drop(ready.send(Err(error))),
        });
        let printer = started.recv().expect("the thread says how it starts").map_err(|error| failed(&error))?;
        Ok(Self { ask, lines, printer: Some(printer) })
    }

    /// What prints above the line; there is one.
    pub(super) fn printer(&mut self) -> Printer {
        self.printer.take().unwrap_or(Printer::Plain)
    }

    /// The next line.
    pub(super) async fn line(&mut self, names: Names) -> Result<Line> {
        // A thread that has ended says so below.
        let _ = self.ask.send(names);
        match self.lines.recv().await {
            Some(line) => line.map_err(|error| failed(&error)),
            None => Ok(Line::End),
        }
    }
}

fn open() -> rustyline::Result<(Inner, Printer)> {
    let colors = if output::has_colors() { ColorMode::Enabled } else { ColorMode::Disabled };
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .history_ignore_space(true)
        .color_mode(colors)
        .build();
    let mut editor = Inner::with_config(config)?;
    editor.set_helper(Some(Prompt { names: Names::default(), has_colors: output::has_colors() }));
    let printer = editor.create_external_printer()?;
    Ok((editor, Printer::Above(Box::new(printer))))
}

/// Reads a line for each time that one is asked for.
fn edit(
    mut editor: Inner,
    prompt: &str,
    history: &History,
    asked: &std_mpsc::Receiver<Names>,
    answer: &mpsc::Sender<Result<Line, ReadlineError>>,
) {
    history.load(&mut editor);
    while let Ok(names) = asked.recv() {
        if let Some(helper) = editor.helper_mut() {
            helper.names = names;
        }
        let line = match editor.readline(prompt) {
            Ok(line) => {
                history.keep(&mut editor, &line);
                Ok(Line::Typed(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(error),
        };
        if answer.blocking_send(line).is_err() {
            return;
        }
    }
}

/// The lines of earlier times.
struct History(Option<PathBuf>);

impl History {
    /// The file that was named, else one in the directory for the state of programs.
    fn open(named: Option<PathBuf>) -> Self {
        let usual = || Some(dirs::state_dir().or_else(dirs::data_local_dir)?.join("conduit").join("history"));
        Self(named.or_else(usual))
    }

    fn load(&self, editor: &mut Inner) {
        let Some(file) = &self.0 else { return };
        if let Some(directory) = file.parent() {
            // If it can't be made, the lines can't be kept, and that is told.
            let _ = fs::create_dir_all(directory);
        }
        if file.exists()
            && let Err(error) = editor.load_history(file)
        {
            warn(&format!("the history in {} can't be read: {error}", file.display()));
        }
    }

    /// Keeps a line at once, so that it outlives whatever ends the program; none with a token in it.
    fn keep(&self, editor: &mut Inner, line: &str) {
        if line.trim_start().starts_with("rpc.login") || line.starts_with('#') {
            return;
        }
        if let (Ok(true), Some(file)) = (editor.add_history_entry(line), &self.0)
            && let Err(error) = editor.append_history(file)
        {
            warn(&format!("the history in {} can't be written: {error}", file.display()));
        }
    }
}

impl Printer {
    pub(super) fn print(&mut self, line: String) -> Result {
        match self {
            Self::Above(printer) => {
                let line = if output::has_colors() { line } else { anstream::adapter::strip_str(&line).to_string() };
                printer.print(line + "\n").map_err(|error| failed(&error))
            }
            Self::Plain => output::line(&line),
        }
    }

    /// Prints what is no data.
    pub(super) fn say(&mut self, output: Output, level: Level, message: &str) -> Result {
        match self {
            Self::Above(_) => self.print(output.said(level, message)),
            Self::Plain => {
                output.say(level, message);
                Ok(())
            }
        }
    }
}

fn warn(message: &str) {
    anstream::eprintln!("{}", failure::warning(message));
}

fn failed(error: &ReadlineError) -> Failure {
    Failure::new(Exit::Failed, format!("the terminal can't be used: {error}"))
}
