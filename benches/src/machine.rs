//! On what it ran: the head of the page of results.

use std::{env, fs, process::Command};

use crate::process;

/// The peers, and what several of them are made of.
const PACKAGES: [&str; 7] =
    ["axum", "jsonrpsee", "serde_json", "socketioxide", "tokio", "tokio-tungstenite", "tungstenite"];

/// `about` says what the figures are.
pub(crate) fn head(title: &str, about: &str) -> String {
    let memory = field("/proc/meminfo", "MemTotal").and_then(|size| size.trim_end_matches(" kB").parse::<f64>().ok());
    format!(
        "# {title}

Made by `{}`.

{about}

- machine: {} x {}, {:.0} GiB of memory, {} open files at most
- system: Linux {}
- compiler: {}, release, the system's allocator
- versions: {}
",
        command(),
        cores(),
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".into()),
        memory.unwrap_or(f64::NAN) / f64::from(1 << 20),
        process::raise_open_files(),
        kernel(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
        compiler(),
        versions(),
    )
}

/// Of the machine: this thread is pinned to one.
fn cores() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("processor")).count()
}

/// The version without what a distribution or a host appends to it.
fn kernel(release: &str) -> &str {
    release.trim().split('-').next().unwrap_or_default()
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
    fn of_the_kernel_the_version_counts() {
        assert_eq!(kernel("6.18.44-12-generic\n"), "6.18.44");
        assert_eq!(kernel("6.18.44"), "6.18.44");
    }

    #[test]
    fn every_package_has_a_version() {
        assert!(
            versions().split(", ").all(|version| version.ends_with(|c: char| c.is_ascii_digit())),
            "{}",
            versions()
        );
    }
}
