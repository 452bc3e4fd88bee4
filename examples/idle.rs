//! cargo run --release --example idle -- 10000
//!
//! What an idle connection costs: opens that many connections that are logged in and say nothing, and prints the
//! resident memory of the server for each. The clients live in a process of their own, so that the server's alone
//! is counted. Each process opens a file for every connection: `ulimit -n` must allow some more than that.
//! Linux only: the figures are those of `/proc`.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use conduit::{Server, rpc};

/// Add two numbers.
#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// What an idle connection may cost, in bytes.
const TARGET: usize = 8 * 1024;

const TOKEN: &str = "secret";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure(1000).await,
        [count] => measure(count.parse()?).await,
        ["clients", address, count] => Ok(stay_connected(address, count.parse()?)?),
        _ => Err("say how many connections, or nothing for 1000".into()),
    }
}

async fn measure(count: usize) -> Result<(), Box<dyn std::error::Error>> {
    if open_files()? < count + 100 {
        return Err(format!("{count} connections need as many files: run `ulimit -n {}` before", count + 100).into());
    }
    let server = Server::builder().host("127.0.0.1").port(0).password(TOKEN).max_connections(count + 1);
    let server = server.build()?.start().await?;
    // One connection first, so that what is made once is not counted.
    let first = connect(&server.address().to_string())?;
    while server.server().connection_count() < 1 {
        tokio::task::yield_now().await;
    }
    let before = resident()?;
    let mut clients = Command::new(std::env::current_exe()?)
        .args(["clients", &server.address().to_string(), &count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = BufReader::new(clients.stdout.take().ok_or("the clients have no output")?);
    // The clients say a line when all are there.
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        told.read_line(&mut line).map(|_| line)
    });
    let line = line.await??;
    if line.trim() != "connected" {
        return Err("the clients could not connect".into());
    }
    while server.server().connection_count() < count + 1 {
        tokio::task::yield_now().await;
    }
    let after = resident()?;
    let each = after.saturating_sub(before) / count;
    println!("{count} idle connections: {each} bytes of resident memory each, {TARGET} are the target");
    println!("resident: {before} bytes before, {after} with them");
    drop(clients.stdin.take());
    clients.wait()?;
    drop(first);
    Ok(server.stop().await?)
}

/// The clients' process: connects, says so, and stays until its input ends.
fn stay_connected(address: &str, count: usize) -> io::Result<()> {
    let connections = (0..count).map(|_| connect(address)).collect::<io::Result<Vec<_>>>()?;
    println!("connected");
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(connections);
    Ok(())
}

/// A WebSocket that is logged in by its upgrade. Nothing else is ever sent, so the bare connection will do.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         authorization: Bearer {TOKEN}\r\n\r\n"
    )?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if &status != b"HTTP/1.1 101" {
        return Err(io::Error::other(format!("refused: {}", String::from_utf8_lossy(&status))));
    }
    Ok(stream)
}

/// The resident memory of this process, in bytes.
fn resident() -> io::Result<usize> {
    let kibibytes = number_behind("/proc/self/status", "VmRSS:")?;
    Ok(kibibytes * 1024)
}

/// How many files this process may have open.
fn open_files() -> io::Result<usize> {
    number_behind("/proc/self/limits", "Max open files")
}

fn number_behind(file: &str, name: &str) -> io::Result<usize> {
    let text = std::fs::read_to_string(file)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    let number = value.and_then(|value| if value == "unlimited" { Some(usize::MAX) } else { value.parse().ok() });
    number.ok_or_else(|| io::Error::other(format!("{file} has no number behind {name}")))
}
