//! `conduit bench`: how many calls a server answers, and how fast.

mod load;
mod report;

use std::{future::IntoFuture, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::value::RawValue;

use self::{
    load::{Load, Measured, Until},
    report::Report,
};
use crate::{
    args::Bench,
    arguments::Arguments,
    exit::Exit,
    failure::{Failure, Result},
    interrupts::Interrupts,
    output::{self, Output},
    reach,
    session::{self, Login, Session},
};

/// How many connections are made at a time.
const CONNECTING: usize = 32;

/// How often the progress is drawn.
const REDRAWN: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: Bench, output: Output, mut interrupts: Interrupts) -> Result {
    let prepared = tokio::select! {
        prepared = prepare(&args, output) => Some(prepared?),
        () = interrupts.next() => None,
    };
    let measured = match prepared {
        Some(load) => {
            let bar = progress(&load, output);
            let measured = load.run(args.in_flight, drawing(&bar), &mut interrupts).await;
            bar.finish_and_clear();
            measured
        }
        None => Measured::nothing(),
    };
    let report = Report { method: &args.method, connections: args.connections, in_flight: args.in_flight, measured };
    match output.json {
        true => output.json(&report.json())?,
        false => output::text(&report.text())?,
    }
    report.measured.verdict()
}

/// Connects, and calls once: what can't be called at all is told as `conduit call` does.
async fn prepare(args: &Bench, output: Output) -> Result<Load> {
    let session = Session::open(&args.server, Login::Optional).await?;
    session.check_name(&args.method, "method")?;
    let arguments = Arguments::read(&args.method, &args.arguments, session.api.params(&args.method))?;
    let waiting = Waiting::new(output);
    session.call(&args.method, &arguments).await?;
    let load = load(args, &session, arguments.params).await?;
    drop(waiting);
    session.close().await;
    Ok(load)
}

/// Shows that the first call runs.
struct Waiting(ProgressBar);

impl Waiting {
    fn new(output: Output) -> Self {
        let bar = ProgressBar::with_draw_target(None, target(output)).with_style(ProgressStyle::default_spinner());
        bar.set_message("calling once, to see that it can be");
        bar.enable_steady_tick(REDRAWN);
        Self(bar)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The connections to measure with, which check nothing before they send it.
async fn load(args: &Bench, session: &Session, params: Option<Box<RawValue>>) -> Result<Load> {
    let connects = (0..args.connections).map(|_| session::connect(&session.server).into_future());
    let clients = stream::iter(connects).buffered(CONNECTING).try_collect().await;
    let clients = clients.map_err(|error| reach::failure(error, &session.server))?;
    let until = match args.count {
        Some(count) => Until::Count(count),
        None => Until::Time(args.duration),
    };
    Ok(Load { clients, method: args.method.as_str().into(), params: params.map(Arc::from), until })
}

fn progress(load: &Load, output: Output) -> ProgressBar {
    let (length, template) = match load.until {
        Until::Count(count) => (count, "{bar:40} {human_pos}/{human_len} calls, {msg}, {eta} left"),
        Until::Time(time) => (time.as_millis() as u64, "{bar:40} {percent}% of the time, {msg}, {eta} left"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is one");
    ProgressBar::with_draw_target(Some(length), target(output)).with_style(style)
}

fn target(output: Output) -> ProgressDrawTarget {
    if output.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

/// Shows how many calls are done.
fn drawing(bar: &ProgressBar) -> impl Fn(&load::Progress) {
    move |progress| {
        bar.set_position(match progress.until {
            Until::Count(_) => progress.calls,
            Until::Time(time) => progress.elapsed.min(time).as_millis() as u64,
        });
        let is_over = matches!(progress.until, Until::Time(time) if progress.elapsed > time);
        bar.set_message(match is_over {
            true => "waiting for the last calls".into(),
            false => report::speed(progress.calls as f64 / progress.elapsed.as_secs_f64()),
        });
    }
}

impl Measured {
    /// A measurement with errors is a failure, and one that was cut short is told by the exit code.
    fn verdict(&self) -> Result {
        if let Some(end) = &self.lost {
            return Err(Failure::new(Exit::Closed, end));
        }
        if self.is_interrupted && self.calls() == 0 {
            return Err(Failure::new(Exit::Interrupted, "interrupted before a call was answered"));
        }
        match (self.errors.values().sum::<u64>(), self.is_interrupted) {
            (0, false) => Ok(()),
            (0, true) => Err(Failure::silent(Exit::Interrupted)),
            (errors, _) => Err(Failure::new(Exit::Answered, format!("{errors} calls were answered with an error"))),
        }
    }
}
