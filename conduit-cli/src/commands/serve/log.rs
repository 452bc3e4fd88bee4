//! The server's log, on standard error.

use std::{fmt, io};

use anstream::{AutoStream, ColorChoice};
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
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

use crate::output::Output;

/// Logs warnings, and each call where that is asked for.
pub(super) fn start(is_verbose: bool, output: Output) {
    let calls = if is_verbose { Level::DEBUG } else { Level::WARN };
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line { as_json: output.json })
        .with_ansi(AutoStream::choice(&io::stderr()) != ColorChoice::Never)
        .with_writer(io::stderr)
        .with_filter(Targets::new().with_default(Level::WARN).with_target("conduit::call", calls));
    tracing_subscriber::registry().with(lines).init();
}

/// Time and fields. The spans of a call hold what its event says.
struct Line {
    as_json: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.as_json {
            return writeln!(writer, "{}", json(event));
        }
        SystemTime.format_time(&mut writer)?;
        if *event.metadata().level() <= Level::WARN {
            write!(writer, " {}", event.metadata().level())?;
        }
        write!(writer, " ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// An event for scripts.
fn json(event: &Event<'_>) -> Value {
    let mut fields = Fields(Map::new());
    event.record(&mut fields);
    let time = humantime::format_rfc3339_micros(std::time::SystemTime::now()).to_string();
    json!({ "log": { "time": time, "level": event.metadata().level().as_str(), "fields": fields.0 } })
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
