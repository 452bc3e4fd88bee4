//! What conduit promises to be, against its peers in the same run.

use crate::{
    report::{Table, figure},
    servers::Name,
    workload::{Measure, Workload},
};

struct Goal {
    workload: Workload,
    measure: Measure,
    /// By how much conduit's figure may be more, or must at least be, that of the peer.
    ratio: f64,
    against: Against,
}

#[derive(Clone, Copy)]
enum Against {
    Peer(Name),
    /// conduit's own figure of other work.
    Own(Workload),
    /// A figure as it is.
    Figure,
}

const CALLS: Measure = Measure::PerSecond("calls");
const CALL: Measure = Measure::Cpu("call");

#[rustfmt::skip]
const GOALS: [Goal; 12] = [
    Goal { workload: Workload::InFlight, measure: CALLS, ratio: 0.8, against: Against::Peer(Name::ByHand) },
    Goal { workload: Workload::InFlight, measure: CALLS, ratio: 10.0, against: Against::Peer(Name::Jsonrpsee) },
    Goal { workload: Workload::InFlight, measure: CALLS, ratio: 1.6, against: Against::Peer(Name::Socketioxide) },
    Goal { workload: Workload::OneAtATime, measure: CALL, ratio: 1.05, against: Against::Peer(Name::ByHand) },
    Goal { workload: Workload::Batch, measure: CALLS, ratio: 0.85, against: Against::Peer(Name::ByHand) },
    Goal { workload: Workload::Echo64K, measure: CALL, ratio: 45.0, against: Against::Figure },
    Goal { workload: Workload::Burst, measure: Measure::PerSecond("deliveries"), ratio: 0.9, against: Against::Peer(Name::ByHand) },
    Goal { workload: Workload::Event1000, measure: Measure::Cpu("delivery"), ratio: 1.0, against: Against::Peer(Name::ByHand) },
    Goal { workload: Workload::Event10000, measure: Measure::Cpu("delivery"), ratio: 1.0, against: Against::Peer(Name::ByHand) },
    Goal { workload: Workload::SetUp, measure: Measure::Cpu("connection"), ratio: 32.0, against: Against::Figure },
    Goal { workload: Workload::Idle, measure: Measure::Memory, ratio: 8.0, against: Against::Figure },
    Goal { workload: Workload::CreateUser, measure: CALL, ratio: 1.3, against: Against::Own(Workload::CreateUserUnchecked) },
];

/// The goals of which there are figures, and whether they are met.
pub(crate) fn markdown(table: &Table) -> String {
    let rows: Vec<String> = GOALS.iter().filter_map(|goal| goal.row(table)).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("| work | measure | promised | is | |\n|---|---|---|---:|---|\n{}\n", rows.join("\n"))
}

impl Goal {
    fn row(&self, table: &Table) -> Option<String> {
        let Self { workload, measure, ratio, against } = *self;
        let conduit = table.median(workload, measure, Name::Conduit)?;
        let (base, whose) = match against {
            Against::Peer(peer) => (table.median(workload, measure, peer)?, format!(" of {peer}")),
            Against::Own(other) => (table.median(other, measure, Name::Conduit)?, format!(" of {other}")),
            Against::Figure => (1.0, String::new()),
        };
        let is = conduit / base;
        let more = measure.more_is_better() == Some(true);
        let bound = if more { "at least" } else { "at most" };
        let met = if more { is >= ratio } else { is <= ratio };
        let verdict = if met { "met" } else { "missed" };
        Some(format!("| {workload} | {measure} | {bound} {ratio}{whose} | {} | {verdict} |", figure(is)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_or_missed_by_the_ratio_of_medians() {
        let mut table = Table::default();
        table.add(Workload::InFlight, CALLS, Name::Conduit, 0.9e6);
        table.add(Workload::InFlight, CALLS, Name::ByHand, 1e6);
        table.add(Workload::InFlight, CALLS, Name::Jsonrpsee, 0.1e6);
        table.add(Workload::Echo64K, CALL, Name::Conduit, 45.1);
        let text = markdown(&table);
        let verdicts: Vec<&str> = text.lines().skip(2).map(|row| row.split(" | ").last().unwrap()).collect();
        assert_eq!(verdicts, ["met |", "missed |", "missed |"], "{text}");
    }
}
