//! The benchmark itself works: short runs, whose figures nobody reads.

use std::process::{Command, Output};

fn benches(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_benches");
    Command::new(program).args(arguments).output().expect("the program can be run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8")
}

/// The figure in the last column of the row that begins so.
fn figure(table: &str, row: &str) -> f64 {
    let line = table.lines().find(|line| line.contains(row)).unwrap_or_else(|| panic!("no row `{row}` in\n{table}"));
    let cell = line.trim_end_matches(" |").rsplit("| ").next().expect("a row has cells");
    let (number, factor) = match cell.split_once(' ') {
        Some((number, "k")) => (number, 1e3),
        Some((number, "M")) => (number, 1e6),
        Some(other) => panic!("{other:?} in `{line}`"),
        None => (cell, 1.0),
    };
    number.parse::<f64>().unwrap_or_else(|error| panic!("{error}: {cell}")) * factor
}

#[test]
fn a_quick_run_measures_calls_events_and_connections() {
    let only = "in-flight,batch,echo-64k,burst,set-up,idle,beside-slow,half-peak";
    let output = benches(&["--quick", "--servers", "conduit", "--only", only]);
    let (table, progress) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{progress}");
    for row in ["calls/s", "CPU, µs/call", "CPU, µs/delivery", "CPU, µs/connection", "resident, KiB", "p99, µs"] {
        assert!(figure(&table, row) > 0.0, "{row} in\n{table}");
    }
    assert!(table.contains("| set-up | CPU, µs/connection | at most 32 |"), "the goals are shown:\n{table}");
    assert!(progress.contains("[2/8] batch, round 1 of 1, conduit"), "{progress}");
}

#[test]
fn every_peer_answers_what_it_is_asked() {
    let servers = "by-hand,bare,jsonrpsee,socketioxide";
    let output = benches(&["--quick", "--servers", servers, "--only", "one-at-a-time,event-1000"]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(table.starts_with("| work | measure | by-hand | bare | jsonrpsee | socketioxide |"), "{table}");
}

#[test]
fn growth_is_shown_step_by_step() {
    let output = benches(&["grow", "--quick", "--only", "methods,rooms,payload,idle"]);
    let tables = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for row in ["| 1000 | ", "| 256 | ", "| 500 | 2 | "] {
        assert!(figure(&tables, row) > 0.0, "{tables}");
    }
}

#[test]
fn a_bad_flag_is_told_with_what_is_possible() {
    for (arguments, told) in [
        (&["--only", "in-fligt"][..], "possible values: in-flight"),
        (&["--servers", "nginx"], "possible values: conduit, by-hand"),
        (&["--rounds", "0"], "0 is not in 1.."),
        (&["--seconds", "0"], "must be more than 0"),
        (&["--speed"], "unexpected argument '--speed'"),
    ] {
        let output = benches(arguments);
        let error = text(&output.stderr);
        assert!(!output.status.success() && error.contains(told), "{arguments:?}: {error}");
    }
}
