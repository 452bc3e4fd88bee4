//! On what it ran: the head of the page of results.

use std::{env, fs, process::Command, thread};

use crate::process;

/// The peers, and what several of them are made of.
const PACKAGES: [&str; 7] =
    ["axum", "jsonrpsee", "serde_json", "socketioxide", "tokio", "tokio-tungstenite", "tungstenite"];

pub(crate) fn head() -> String {
    format!(
        "# conduit and its peers on the same work

Made by `{}`. Each server has one thread of its runtime and a core to itself, the load generator the other core; the
figures are medians of interleaved rounds. In brackets: how many times better conduit is. CPU is the server's processor
time by the operating system's accounting; it is the figure that holds on a busy machine. The generator is no bottleneck
where the server is busy and the generator is not, or is less so.

- machine: {} x {}, {} memory, {} open files at most
- system: Linux {}
- compiler: {}, release, the system's allocator
- versions: {}
",
        command(),
        thread::available_parallelism().map_or(0, usize::from),
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".into()),
        field("/proc/meminfo", "MemTotal").unwrap_or_default(),
        process::raise_open_files(),
        fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        compiler(),
        versions(),
    )
}

fn command() -> String {
    let mut words = vec!["cargo run --release -p conduit-benches".to_owned()];
    let arguments: Vec<String> = env::args().skip(1).collect();
    if !arguments.is_empty() {
        words.push("--".into());
        words.extend(arguments);
    }
    words.join(" ")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn compiler() -> String {
    let version = Command::new("rustc").arg("--version").output().ok();
    version.map_or_else(|| "rustc".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// As the lock file says them.
fn versions() -> String {
    let lock = include_str!("../../Cargo.lock");
    let of = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let versions: Vec<&str> = lock.split(&entry).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        format!("{name} {}", versions.join(" and "))
    };
    PACKAGES.map(of).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version() {
        assert!(
            versions().split(", ").all(|version| version.ends_with(|c: char| c.is_ascii_digit())),
            "{}",
            versions()
        );
    }
}
