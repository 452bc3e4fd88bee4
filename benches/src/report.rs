//! Samples to one table.

use std::fmt::Write;

use crate::{
    servers::Name,
    workload::{Measure, Workload},
};

/// The samples of every workload, measure and server.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// In the order in which they came.
    servers: Vec<Name>,
}

#[derive(Debug)]
struct Row {
    workload: Workload,
    measure: Measure,
    samples: Vec<(Name, Vec<f64>)>,
}

impl Table {
    pub(crate) fn add(&mut self, workload: Workload, measure: Measure, server: Name, value: f64) {
        if !self.servers.contains(&server) {
            self.servers.push(server);
        }
        let is_it = |row: &Row| row.workload == workload && row.measure == measure;
        let at = self.rows.iter().position(is_it).unwrap_or_else(|| {
            self.rows.push(Row { workload, measure, samples: Vec::new() });
            self.rows.len() - 1
        });
        let samples = &mut self.rows[at].samples;
        match samples.iter_mut().find(|(name, _)| *name == server) {
            Some((_, values)) => values.push(value),
            None => samples.push((server, vec![value])),
        }
    }

    pub(crate) fn median(&self, workload: Workload, measure: Measure, server: Name) -> Option<f64> {
        self.rows.iter().find(|row| row.workload == workload && row.measure == measure)?.median(server)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| work | measure |");
        self.servers.iter().for_each(|server| write!(text, " {server} |").expect("a string takes all"));
        text += &format!("\n|---|---|{}\n", "---:|".repeat(self.servers.len()));
        let mut last = None;
        for row in &self.rows {
            let work = if last == Some(row.workload) { String::new() } else { row.workload.description() };
            last = Some(row.workload);
            text += &format!("| {work} | {} |", row.measure);
            self.servers.iter().for_each(|&server| text += &format!(" {} |", row.cell(server)));
            text.push('\n');
        }
        text
    }
}

impl Row {
    fn median(&self, server: Name) -> Option<f64> {
        let (_, values) = self.samples.iter().find(|(name, _)| *name == server)?;
        Some(median(values.clone()))
    }

    /// The median, and how many times better conduit is.
    fn cell(&self, server: Name) -> String {
        let Some(value) = self.median(server) else { return "-".into() };
        let shown = figure(value);
        match (self.measure.more_is_better(), self.median(Name::Conduit)) {
            (Some(more), Some(conduit)) if server != Name::Conduit => {
                let times = if more { conduit / value } else { value / conduit };
                format!("{shown} ({times:.2})")
            }
            _ => shown,
        }
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

/// Three digits that count.
pub(crate) fn figure(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.2} M", value / 1e6),
        _ if value >= 1e4 => format!("{:.0} k", value / 1e3),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_medians_and_how_many_times_better_conduit_is() {
        let mut table = Table::default();
        let (rate, cpu) = (Measure::PerSecond("calls"), Measure::Cpu("call"));
        for value in [3e6, 1e6, 2e6] {
            table.add(Workload::InFlight, rate, Name::Conduit, value);
            table.add(Workload::InFlight, rate, Name::Jsonrpsee, value / 4.0);
            table.add(Workload::InFlight, cpu, Name::Conduit, 1.0);
            table.add(Workload::InFlight, cpu, Name::Jsonrpsee, 5.0);
        }
        assert_eq!(table.median(Workload::InFlight, rate, Name::Jsonrpsee), Some(5e5));
        let rows: Vec<String> = table.markdown().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(rows[0], "| 16 connections with 64 `add` in flight each | calls/s | 2.00 M | 500 k (4.00) |");
        assert_eq!(rows[1], "|  | CPU, µs/call | 1.00 | 5.00 (5.00) |");
    }
}
