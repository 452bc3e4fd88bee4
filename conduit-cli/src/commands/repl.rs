//! `conduit repl`: a shell on a connection.

mod command;
mod complete;
mod editor;
mod hearing;
mod helper;
mod words;

use std::io::{self, IsTerminal};

use conduit::{Connect, ErrorCode};
use tokio::io::{AsyncBufReadExt, BufReader};

use self::{
    command::Command,
    complete::Names,
    editor::{Editor, Line, Printer},
    hearing::Hearing,
};
use super::{describe, list, send};
use crate::{
    args::Repl,
    arguments::Arguments,
    exit::Exit,
    failure::{Failure, Result},
    interrupts::Interrupts,
    news::{self, Feed, Inbox},
    output::{self, Output},
    session::{Login, Session},
};

pub(crate) async fn run(args: Repl, output: Output, mut interrupts: Interrupts) -> Result {
    let (feed, inbox) = news::inbox();
    let open = Session::open_with(&args.server, Login::Needed, settings(&feed));
    let session = interrupts.guard(open).await?;
    let hearing = Hearing::default();
    hearing.follow(&session.client, &feed);
    let shell = Shell { session, feed, hearing, output, interrupts };
    match io::stdin().is_terminal() && io::stdout().is_terminal() {
        true => shell.interactive(&args, inbox).await,
        false => shell.piped(inbox).await,
    }
}

/// What a shell asks of its connections.
fn settings(feed: &Feed) -> impl Fn(Connect) -> Connect {
    // Somebody who waits for an answer wants to know at once that there is no connection.
    |connect| feed.reconnecting(feed.events(connect, &[])).max_waiting(0)
}

/// A connection, and what is listened to on it.
struct Shell {
    session: Session,
    feed: Feed,
    hearing: Hearing,
    output: Output,
    interrupts: Interrupts,
}

/// What comes after a line.
enum Next {
    Line,
    End,
}

impl Shell {
    /// Lines from a person, who learns of errors and goes on.
    async fn interactive(mut self, args: &Repl, inbox: Inbox) -> Result {
        let mut editor = Editor::start(self.session.server.url.host(), args.history.clone())?;
        tokio::spawn(self.hearing.clone().print(inbox, self.output, editor.printer()));
        self.output.inform(format!("connected to {}; :help says what can be typed", self.session.server.url));
        loop {
            match editor.line(Names::of(&self.session.api)).await? {
                Line::Typed(line) => match self.guarded(&line).await {
                    Ok(Next::Line) => {}
                    Ok(Next::End) => break,
                    Err(failure) => {
                        if failure.exit() == Exit::Interrupted {
                            // The terminal has written ^C.
                            eprintln!();
                        }
                        failure.report(self.output.json);
                    }
                },
                Line::Interrupted => {}
                Line::End => break,
            }
        }
        self.leave().await;
        Ok(())
    }

    /// Lines from a program, up to the first that fails.
    async fn piped(mut self, inbox: Inbox) -> Result {
        tokio::spawn(self.hearing.clone().print(inbox, self.output, Printer::Plain));
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            let next = async { Ok(lines.next_line().await?) };
            let Some(line) = self.interrupts.guard(next).await? else { break };
            if let Next::End = self.guarded(&line).await? {
                break;
            }
        }
        self.leave().await;
        Ok(())
    }

    async fn leave(self) {
        self.hearing.unfollow();
        self.session.close().await;
    }

    /// Runs a line; Ctrl-C takes back what it does.
    async fn guarded(&mut self, line: &str) -> Result<Next> {
        let command = Command::read(line)?;
        let Self { session, feed, hearing, output, interrupts } = self;
        interrupts.forget();
        tokio::select! {
            next = run_line(command, session, feed, hearing, *output) => next,
            () = interrupts.next() => Err(Failure::new(Exit::Interrupted, "interrupted, and the call taken back")),
        }
    }
}

/// Does what a line asks for; what asks something of the server, on a connection that is there.
async fn run_line(
    command: Command,
    session: &mut Session,
    feed: &Feed,
    hearing: &Hearing,
    output: Output,
) -> Result<Next> {
    if !matches!(command, Command::Nothing | Command::Quit | Command::Help) {
        ensure_connected(session, feed, hearing, output).await?;
    }
    let api = &session.api;
    match command {
        Command::Nothing => {}
        Command::Quit => return Ok(Next::End),
        Command::Help => output::text(command::HELP)?,
        Command::List => output::text(&list::text(api))?,
        Command::Describe(name) => {
            let entry = api.entry(&name).map_err(|failure| in_shell(failure, &name))?;
            output::text(&describe::text(entry, api, describe::Prompt::Repl))?;
        }
        Command::Listen(events) => {
            events.iter().filter_map(|event| api.doubt(event)).for_each(|doubt| output.warn(doubt));
            output.inform(hearing.hear(events));
        }
        Command::Ignore(events) => output.inform(hearing.ignore(&events)),
        Command::Send(event, words) => {
            session.check_name(&event, "event").map_err(|failure| in_shell(failure, &event))?;
            let payload = Arguments::read_payload(&event, &words, api.payload(&event))?;
            let ack = send::acknowledged(session, &event, payload).await;
            output.raw(&ack.map_err(|failure| in_shell(failure, &event))?)?;
        }
        Command::Call(method, words) => {
            session.check_name(&method, "method").map_err(|failure| in_shell(failure, &method))?;
            let arguments = Arguments::read(&method, &words, api.params(&method))?;
            let result = session.call(&method, &arguments).await;
            output.raw(&result.map_err(|failure| in_shell(failure, &method))?)?;
        }
    }
    Ok(Next::Line)
}

/// A failure with the help of a shell.
fn in_shell(failure: Failure, name: &str) -> Failure {
    let code = failure.object().and_then(|object| ErrorCode::from_code(object.code()));
    match code {
        Some(ErrorCode::MethodNotFound) => match command::meant(name) {
            Some(command) => failure.help(format!("did you mean `{command}`?")),
            None => failure.other_help("`:list` lists what there is"),
        },
        Some(ErrorCode::InvalidParams) => failure.help(format!("`:describe {name}` shows what it takes")),
        _ => failure,
    }
}

/// Makes the connection anew that ended for good, and learns what a server can do that may be another one.
async fn ensure_connected(session: &mut Session, feed: &Feed, hearing: &Hearing, output: Output) -> Result {
    if session.client.is_closed() {
        *session = session.open_again(Login::Needed, settings(feed)).await?;
        hearing.follow(&session.client, feed);
        output.inform("connected again");
    } else if hearing.take_is_back() {
        session.refresh().await.inspect_err(|_| hearing.set_is_back())?;
    }
    Ok(())
}
