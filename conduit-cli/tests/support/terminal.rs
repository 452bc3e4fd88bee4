//! A terminal with the program in it: what is typed goes in, and what is seen is what a screen would show.

use std::{
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::PATIENCE;

pub(crate) const TAB: &str = "\t";
pub(crate) const ENTER: &str = "\r";
pub(crate) const UP: &str = "\u{1b}[A";
pub(crate) const CTRL_C: &str = "\u{3}";
pub(crate) const CTRL_D: &str = "\u{4}";

const ROWS: u16 = 100;
const COLUMNS: u16 = 110;

pub(crate) struct Terminal {
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Screen>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

/// What is seen, kept up to date by a thread.
struct Screen {
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    parser: vt100::Parser,
    /// Whether the program can write no more.
    is_over: bool,
    /// All that was written, with what was on the screen for a moment only.
    bytes: Vec<u8>,
}

impl Terminal {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_conduit"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        for name in ["CONDUIT_TOKEN", "CONDUIT_HISTORY", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(name);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let screen = Arc::new(Screen::new());
        let reader = pair.master.try_clone_reader().expect("a reader");
        thread::spawn({
            let screen = Arc::clone(&screen);
            move || screen.show(reader)
        });
        let keyboard = pair.master.take_writer().expect("a writer");
        Self { keyboard, screen, child, _master: pair.master }
    }

    /// Presses keys.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).and_then(|()| self.keyboard.flush()).expect("the terminal is there");
    }

    /// Waits until a text is on the screen, and gives all of the screen.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) -> String {
        self.waits(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub(crate) fn waits(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.screen.seen.lock().expect("no panic");
        loop {
            let contents = seen.parser.screen().contents();
            if is_so(&contents) {
                return contents;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.is_over, "there is no {what} on the screen:\n{contents}");
            seen = self.screen.changed.wait_timeout(seen, left).expect("no panic").0;
        }
    }

    /// Whether the cell where a text starts has a colour, or is bold or dim.
    #[track_caller]
    pub(crate) fn is_styled(&self, text: &str) -> bool {
        self.sees(text);
        let seen = self.screen.seen.lock().expect("no panic");
        let screen = seen.parser.screen();
        let rows: Vec<String> = screen.rows(0, COLUMNS).collect();
        let row = rows.iter().rposition(|row| row.contains(text)).expect("it is there");
        let column = rows[row].split(text).next().map_or(0, |before| before.chars().count());
        let cell = screen.cell(row as u16, column as u16).expect("on the screen");
        cell.fgcolor() != vt100::Color::Default || cell.bold() || cell.dim()
    }

    /// All that was ever written to the screen.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.screen.seen.lock().expect("no panic").bytes).into_owned()
    }

    /// Waits for the end of the program: its exit code, and the last screen.
    #[track_caller]
    pub(crate) fn end(mut self) -> (u32, String) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.screen.seen.lock().expect("no panic");
        while !seen.is_over {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end:\n{}", seen.parser.screen().contents());
            seen = self.screen.changed.wait_timeout(seen, left).expect("no panic").0;
        }
        let contents = seen.parser.screen().contents();
        drop(seen);
        (self.child.wait().expect("it was started").exit_code(), contents)
    }
}

/// A program that is still there is not left behind.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Screen {
    fn new() -> Self {
        let size = |cells: u16| cells.try_into().expect("a terminal has cells");
        let seen = Seen { parser: vt100::Parser::new(size(ROWS), size(COLUMNS), 0), is_over: false, bytes: Vec::new() };
        Self { seen: Mutex::new(seen), changed: Condvar::new() }
    }

    /// Shows what the program writes, until it can write no more.
    fn show(&self, mut reader: Box<dyn Read + Send>) {
        let mut buffer = [0; 4096];
        loop {
            let read = reader.read(&mut buffer).unwrap_or(0);
            let mut seen = self.seen.lock().expect("no panic");
            seen.parser.process(&buffer[..read]);
            seen.bytes.extend_from_slice(&buffer[..read]);
            seen.is_over = read == 0;
            drop(seen);
            self.changed.notify_all();
            if read == 0 {
                return;
            }
        }
    }
}
