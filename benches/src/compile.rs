//! What methods cost at compile time: programs with many of them, made from those in `benches/compile`, are built again
//! and again.
//!
//! The table of the last run is in `benches/COMPILE.md`; it goes to standard output.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    machine, process,
    report::{figure, median},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Methods of each program
    #[arg(long, default_value_t = 300)]
    methods: usize,
    /// Builds of each kind; the table has the medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

const PROGRAMS: [(&str, &str); 3] = [
    ("conduit", include_str!("../compile/conduit.rs")),
    ("by_hand", include_str!("../compile/by_hand.rs")),
    ("jsonrpsee", include_str!("../compile/jsonrpsee.rs")),
];

impl Options {
    pub(crate) fn run(self) -> Result<()> {
        ensure!(self.methods > 0 && self.rounds > 0, "`--methods` and `--rounds` must be more than 0");
        let package = Package::create()?;
        let about = format!(
            "Programs of {} methods with four arguments each, unoptimised and with debug information, when all that they are made of is compiled. By hand is serde and schemars without a framework. Times are processor time of all processes, linker included, and in brackets the time that passed; lines are per method, after macros and after generics.",
            self.methods
        );
        println!("{}", machine::head("What methods cost at compile time", &about));
        println!(
            "| program | built anew, s | after a change in one function, s | checked, s | lines of Rust | lines of LLVM IR |"
        );
        println!("|---|---:|---:|---:|---:|---:|");
        for (name, one) in PROGRAMS {
            eprintln!("{name}: what it is made of");
            let program = package.program(name);
            // What every program has is not the methods'.
            program.write(&repeated(one, 1))?;
            let single = (program.lines_of_rust()?, program.lines_of_ir()?);
            program.write(&repeated(one, self.methods))?;
            eprintln!("{name}: {} methods", self.methods);
            let all = (program.lines_of_rust()?, program.lines_of_ir()?);
            let per_method = |single: usize, all: usize| {
                all.saturating_sub(single)
                    .checked_div(self.methods - 1)
                    .map_or_else(|| "-".into(), |lines| lines.to_string())
            };
            println!(
                "| {} | {} | {} | {} | {} | {} |",
                name.replace('_', " "),
                self.times(|| program.build_anew("build"))?,
                self.times(|| program.build_changed())?,
                self.times(|| program.build_anew("check"))?,
                per_method(single.0, all.0),
                per_method(single.1, all.1),
            );
        }
        Ok(())
    }

    /// The medians, after a build that does not count.
    fn times(&self, build: impl Fn() -> Result<Spent>) -> Result<String> {
        build()?;
        let spent = (0..self.rounds).map(|_| build()).collect::<Result<Vec<_>>>()?;
        let of = |part: fn(&Spent) -> Duration| {
            figure(median(spent.iter().map(|spent| part(spent).as_secs_f64()).collect()))
        };
        Ok(format!("{} ({})", of(|spent| spent.cpu), of(|spent| spent.wall)))
    }
}

/// The program with each of its marked parts so many times, `method_0` under as many names.
fn repeated(program: &str, times: usize) -> String {
    let mut parts = program.split("// repeated\n");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (method, rest) = part.split_once("// end\n").expect("what is repeated has an end");
        text.extend((0..times).map(|number| method.replace("method_0", &format!("method_{number}"))));
        text.push_str(rest);
    }
    text
}

struct Spent {
    cpu: Duration,
    wall: Duration,
}

/// A package with a program for each of conduit and its peers, in a folder of the target directory.
struct Package {
    folder: PathBuf,
}

impl Package {
    fn create() -> Result<Self> {
        let workspace =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("benches is a member of the workspace")?;
        let folder = workspace.join("target/compile");
        fs::create_dir_all(folder.join("src/bin"))?;
        let manifest = format!(
            r#"[package]
name = "methods"
edition = "2024"

[dependencies]
conduit = {{ path = "{}" }}
jsonrpsee = {{ version = "0.26", features = ["server", "macros"] }}
schemars = "1"
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"
tokio = {{ version = "1", features = ["macros", "rt-multi-thread"] }}

[workspace]
"#,
            workspace.join("conduit").display()
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        for (name, _) in PROGRAMS {
            fs::write(folder.join(format!("src/bin/{name}.rs")), "fn main() {}\n")?;
        }
        Ok(Self { folder })
    }

    fn program(&self, name: &'static str) -> Program<'_> {
        Program { folder: &self.folder, name }
    }
}

struct Program<'p> {
    folder: &'p Path,
    name: &'static str,
}

impl Program<'_> {
    fn source(&self) -> PathBuf {
        self.folder.join(format!("src/bin/{}.rs", self.name))
    }

    fn write(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.source(), text)?)
    }

    /// As if it had never been compiled.
    fn build_anew(&self, command: &str) -> Result<Spent> {
        self.write(&fs::read_to_string(self.source())?)?;
        self.timed(self.cargo(command).env("CARGO_INCREMENTAL", "0"))
    }

    /// With the order of two names in a function changed since the last time.
    fn build_changed(&self) -> Result<Spent> {
        let text = fs::read_to_string(self.source())?;
        let (this, that) = ("let _ = (active, nickname);", "let _ = (nickname, active);");
        let (from, to) = if text.contains(that) { (that, this) } else { (this, that) };
        self.write(&text.replacen(from, to, 1))?;
        self.timed(self.cargo("build").env("CARGO_INCREMENTAL", "1"))
    }

    /// After macros.
    fn lines_of_rust(&self) -> Result<usize> {
        // Only unstable options show it.
        let output = finished(
            self.cargo("rustc").args(["--profile=check", "--", "-Zunpretty=expanded"]).env("RUSTC_BOOTSTRAP", "1"),
        )?;
        Ok(String::from_utf8(output.stdout)?.lines().count())
    }

    /// After generics.
    fn lines_of_ir(&self) -> Result<usize> {
        let file = self.folder.join(format!("{}.ll", self.name));
        let emit = format!("--emit=llvm-ir={}", file.display());
        finished(
            self.cargo("rustc").args(["--", &emit, "-Ccodegen-units=1", "-Cdebuginfo=0"]).env("CARGO_INCREMENTAL", "0"),
        )?;
        Ok(fs::read_to_string(file)?.lines().filter(|line| line.starts_with("  ")).count())
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args([command, "--quiet", "--bin", self.name]).current_dir(self.folder);
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo
    }

    fn timed(&self, command: &mut Command) -> Result<Spent> {
        let (before, begun) = (process::cpu_of_children()?, Instant::now());
        finished(command)?;
        Ok(Spent { wall: begun.elapsed(), cpu: process::cpu_of_children()?.saturating_sub(before) })
    }
}

fn finished(command: &mut Command) -> Result<Output> {
    let output = command.output().context("cargo could not be started")?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_as_many_methods_as_wanted() {
        for (name, one) in PROGRAMS {
            assert_eq!(
                repeated(one, 3).matches("async fn method_2(").count(),
                one.matches("async fn method_0(").count(),
                "{name}"
            );
            assert!(!repeated(one, 3).contains("method_3"), "{name}");
            assert!(one.contains("let _ = (active, nickname);"), "{name}");
        }
    }
}
