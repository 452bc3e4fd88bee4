//! The server's log, on standard error.

use std::{fmt, io};

use anstream::{AutoStream, ColorChoice};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    filter::Targets,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    prelude::*,
    registry::LookupSpan,
};

/// Logs warnings, and each call where that is asked for.
pub(super) fn start(is_verbose: bool) {
    let calls = if is_verbose { Level::DEBUG } else { Level::WARN };
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line)
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .with_writer(io::stderr)
        .with_filter(Targets::new().with_default(Level::WARN).with_target("conduit::call", calls));
    tracing_subscriber::registry().with(lines).init();
}

/// Time and fields. The spans of a call hold what its event says.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        SystemTime.format_time(&mut writer)?;
        if *event.metadata().level() <= Level::WARN {
            write!(writer, " {}", event.metadata().level())?;
        }
        write!(writer, " ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
