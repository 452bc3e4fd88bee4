//! What was measured, for people and for scripts.

use serde_json::{Value, json};

use super::load::Measured;
use crate::output::{
    self,
    style::{self, paint},
};

pub(super) struct Report<'a> {
    pub(super) method: &'a str,
    pub(super) connections: usize,
    pub(super) in_flight: usize,
    pub(super) measured: Measured,
}

/// The percentiles that are told, by their names in JSON.
const PERCENTILES: [(&str, f64); 5] = [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p99_9", 99.9)];

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let Self { method, connections, in_flight, measured } = self;
        let latency = &measured.latency;
        let connections = count(*connections as u64, "connection");
        let mut lines = vec![
            format!("{}  {connections}, {in_flight} in flight on each", paint(style::NAME, method)),
            String::new(),
            row("calls", &format!("{} in {}", grouped(measured.calls()), seconds(measured.elapsed.as_secs_f64()))),
            row("throughput", &speed(self.per_second())),
        ];
        if !latency.is_empty() {
            lines.push(row(
                "latency",
                &format!(
                    "{} on average, {} to {}",
                    time(latency.mean()),
                    time(latency.min() as f64),
                    time(latency.max() as f64)
                ),
            ));
            for (_, percentile) in PERCENTILES {
                let value = time(latency.value_at_percentile(percentile) as f64);
                lines.push(row("", &format!("{:>6} within {value}", format!("{percentile}%"))));
            }
        }
        for (message, times) in &measured.errors {
            lines.push(row("errors", &format!("{} × {}", grouped(*times), output::safe(message))));
        }
        lines.join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let Self { method, connections, in_flight, measured } = self;
        let latency = &measured.latency;
        let micros = |nanos: f64| (nanos / 10.0).round() / 100.0;
        let mut latencies = json!({
            "min": micros(latency.min() as f64), "mean": micros(latency.mean()), "max": micros(latency.max() as f64),
        });
        for (name, percentile) in PERCENTILES {
            latencies[name] = json!(micros(latency.value_at_percentile(percentile) as f64));
        }
        json!({
            "method": method,
            "connections": connections,
            "in_flight": in_flight,
            "seconds": measured.elapsed.as_secs_f64(),
            "calls": measured.calls(),
            "calls_per_second": self.per_second(),
            "latency_us": if latency.is_empty() { Value::Null } else { latencies },
            "errors": measured.errors,
        })
    }

    fn per_second(&self) -> f64 {
        match self.measured.calls() {
            0 => 0.0,
            calls => calls as f64 / self.measured.elapsed.as_secs_f64(),
        }
    }
}

fn row(heading: &str, text: &str) -> String {
    format!("{} {text}", paint(style::HEADING, &format!("{heading:<10}")))
}

/// Nanoseconds in a unit that suits them.
fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e6 => format!("{:.1} µs", nanos / 1e3),
        nanos if nanos < 1e9 => format!("{:.2} ms", nanos / 1e6),
        nanos => seconds(nanos / 1e9),
    }
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// Calls in a second, with a digit more where there are few.
pub(super) fn speed(per_second: f64) -> String {
    match per_second {
        few if few < 100.0 => format!("{few:.1} calls/s"),
        many => format!("{} calls/s", grouped(many as u64)),
    }
}

fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
