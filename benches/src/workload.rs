//! The work that servers are compared on.

use std::{fmt, time::Duration};

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    load::{
        Spent, arrivals,
        calls::{self, Load},
        dialect::Call,
        events, latency,
        latency::Latencies,
    },
    process::Server,
    servers::Name,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// 16 connections with 64 `add` in flight each
    InFlight,
    /// 64 connections, `add` one at a time
    OneAtATime,
    /// 16 connections, batches of 50 `add`
    Batch,
    /// 16 connections, a text of 1 KiB there and back
    #[value(name = "echo-1k")]
    Echo1K,
    /// 16 connections, a text of 64 KiB there and back
    #[value(name = "echo-64k")]
    Echo64K,
    /// 200 events of 200 bytes at once to 1,000 connections
    Burst,
    /// one event of 200 bytes to 1,000 connections
    #[value(name = "event-1000")]
    Event1000,
    /// one event of 200 bytes to 10,000 connections
    #[value(name = "event-10000")]
    Event10000,
    /// connections that log in by header
    SetUp,
    /// memory of 10,000 idle connections
    Idle,
    /// `create_user` with a constraint on each argument, 16 connections with 64 in flight
    CreateUser,
    /// `create_user` without constraints, likewise
    CreateUserUnchecked,
    /// 1 connection, `add` one at a time
    Alone,
    /// `add` beside a method that takes 1 ms, on each of 16 connections
    BesideSlow,
    /// `add` over 16 connections at half of the server's own peak rate, calls due at fixed times
    HalfPeak,
}

/// What is measured, and in what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    PerSecond(&'static str),
    /// The server's processor time in microseconds.
    Cpu(&'static str),
    /// KiB for each connection.
    Memory,
    /// Microseconds that this share of the answers does not exceed, in thousandths.
    Latency(u32),
    /// The share of the time that the server had work, in percent.
    Busy,
    /// Of the generator, likewise.
    GeneratorBusy,
}

/// How much work is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// For each sample.
    pub(crate) time: Duration,
    /// What no workload has more of.
    pub(crate) connections: usize,
}

pub(crate) type Figures = Vec<(Measure, f64)>;

impl Workload {
    /// Whether a server has what it takes.
    pub(crate) fn suits(self, server: Name) -> bool {
        match self {
            Self::Burst | Self::Event1000 | Self::Event10000 | Self::BesideSlow => server != Name::Bare,
            Self::CreateUser => server == Name::Conduit,
            Self::CreateUserUnchecked => server != Name::Bare,
            Self::Batch => server != Name::Socketioxide,
            _ => true,
        }
    }

    pub(crate) fn sample(self, server: &Server, scale: Scale) -> Result<Figures> {
        let calls = |call, connections, depth| -> Result<Figures> {
            Ok(of_calls(&Load { call, connections, depth }.run(server, scale.time)?))
        };
        let events = |connections: usize, burst| -> Result<Figures> {
            let connections = connections.min(scale.connections);
            Ok(of_events(&events::Load { connections, burst, bytes: 200 }.run(server, scale.time)?))
        };
        match self {
            Self::InFlight => calls(Call::Add, 16, 64),
            Self::OneAtATime => calls(Call::Add, 64, 1),
            Self::Batch => calls(Call::Batch(50), 16, 2),
            Self::Echo1K => calls(Call::Echo(1 << 10), 16, 4),
            Self::Echo64K => calls(Call::Echo(64 << 10), 16, 1),
            Self::CreateUser => calls(Call::CreateUser, 16, 64),
            Self::CreateUserUnchecked => calls(Call::CreateUserUnchecked, 16, 64),
            Self::Alone => calls(Call::Add, 1, 1),
            Self::Burst => events(1_000, 200),
            Self::Event1000 => events(1_000, 1),
            Self::Event10000 => events(10_000, 1),
            Self::SetUp => Ok(of_connections(&arrivals::set_up(server, scale.time, 2_000.min(scale.connections))?)),
            Self::Idle => {
                let bytes = arrivals::idle_memory(server, 10_000.min(scale.connections))?;
                Ok(vec![(Measure::Memory, bytes / 1024.0)])
            }
            Self::BesideSlow => Ok(of_latencies(&latency::beside_slow(server, 16, scale.time)?)),
            Self::HalfPeak => {
                let load = calls::Load { call: Call::Add, connections: 16, depth: 64 };
                let rate = load.run(server, scale.time / 4)?.per_second() / 2.0;
                let mut figures = vec![(Measure::PerSecond("calls"), rate)];
                figures.extend(of_latencies(&latency::at_rate(server, 16, rate, scale.time)?));
                Ok(figures)
            }
        }
    }

    /// What the workload does, as its help says it.
    pub(crate) fn description(self) -> String {
        let value = self.to_possible_value().expect("no workload is hidden");
        value.get_help().map(ToString::to_string).unwrap_or_default()
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no workload is hidden").get_name())
    }
}

fn of_calls(spent: &Spent) -> Figures {
    vec![
        (Measure::PerSecond("calls"), spent.per_second()),
        (Measure::Cpu("call"), spent.cpu()),
        (Measure::Busy, spent.busy().0),
        (Measure::GeneratorBusy, spent.busy().1),
    ]
}

fn of_events(spent: &Spent) -> Figures {
    vec![
        (Measure::PerSecond("deliveries"), spent.per_second()),
        (Measure::Cpu("delivery"), spent.cpu()),
        (Measure::GeneratorBusy, spent.busy().1),
    ]
}

fn of_connections(spent: &Spent) -> Figures {
    vec![(Measure::PerSecond("connections"), spent.per_second()), (Measure::Cpu("connection"), spent.cpu())]
}

fn of_latencies(latencies: &Latencies) -> Figures {
    [500, 990, 999].map(|share| (Measure::Latency(share), latencies.percentile(f64::from(share) / 1e3))).into()
}

impl Measure {
    /// Whether more of it is better; `None` for what is neither.
    pub(crate) fn more_is_better(self) -> Option<bool> {
        match self {
            Self::PerSecond(_) => Some(true),
            Self::Cpu(_) | Self::Memory | Self::Latency(_) => Some(false),
            Self::Busy | Self::GeneratorBusy => None,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(what) => write!(f, "{what}/s"),
            Self::Cpu(what) => write!(f, "CPU, µs/{what}"),
            Self::Memory => write!(f, "resident, KiB"),
            Self::Latency(share) => write!(f, "p{}, µs", f64::from(*share) / 10.0),
            Self::Busy => write!(f, "server busy, %"),
            Self::GeneratorBusy => write!(f, "generator busy, %"),
        }
    }
}
