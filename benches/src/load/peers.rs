//! Many connections on one thread.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::{
    PATIENCE,
    dialect::Dialect,
    frame::{self, Frame, FrameReader},
};
use crate::{process::Server, servers::TOKEN};

/// Connections whose handshakes run at a time: fewer than the queue of a listening socket holds, which is 128 by default.
const WAVE: usize = 100;

/// Connections to one address: fewer than it has ports for on the other end.
const PER_ADDRESS: usize = 25_000;

/// What one read takes at most.
const READ: usize = 512 * 1024;

/// The heartbeat of Engine.IO travels as text; no other protocol has such a message.
const ENGINE_PING: &[u8] = b"2";
const ENGINE_PONG: &[u8] = b"3";

/// Connections that are logged in and ready to call.
pub(crate) struct Peers {
    poll: Poll,
    events: Events,
    peers: Vec<Peer>,
    buffer: Vec<u8>,
    last: Instant,
}

/// One connection.
struct Peer {
    stream: TcpStream,
    reader: FrameReader,
    /// What the socket did not take at once.
    unsent: Vec<u8>,
}

impl Peers {
    /// None yet.
    pub(crate) fn none() -> Result<Self> {
        let (poll, events) = (Poll::new()?, Events::with_capacity(1024));
        Ok(Self { poll, events, peers: Vec::new(), buffer: vec![0; READ], last: Instant::now() })
    }

    pub(crate) fn connect(server: &Server, count: usize) -> Result<Self> {
        let mut peers = Self::none()?;
        peers.add(server, count, |_| ())?;
        Ok(peers)
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Connects so many more, in waves. `each` is told how many there are after each wave.
    pub(crate) fn add(&mut self, server: &Server, count: usize, mut each: impl FnMut(usize)) -> Result<()> {
        let dialect = Dialect::of(server.name);
        let wanted = self.peers.len() + count;
        while self.peers.len() < wanted {
            let first = self.peers.len();
            for n in first..wanted.min(first + WAVE) {
                let peer = Peer::open(server.port, n).with_context(|| format!("connection {n}"))?;
                self.peers.push(peer);
            }
            self.shake_hands(first, dialect)?;
            each(self.peers.len());
        }
        Ok(())
    }

    /// The handshakes of a wave: all requests, then all answers.
    fn shake_hands(&mut self, first: usize, dialect: Dialect) -> Result<()> {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Authorization: Bearer {TOKEN}\r\n\r\n",
            dialect.path()
        );
        for (n, peer) in self.peers.iter_mut().enumerate().skip(first) {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut peer.stream, Token(n), interest)?;
            peer.send(request.as_bytes())?;
        }
        let (greeting, frames) = dialect.greeting();
        let mut left = self.peers.len() - first;
        let mut hands = vec![Hand::default(); left];
        self.last = Instant::now();
        while left > 0 {
            self.wait(Duration::from_millis(100))?;
            for event in &self.events {
                let n = event.token().0;
                let Some(at) = n.checked_sub(first) else { continue };
                let (peer, hand) = (&mut self.peers[n], &mut hands[at]);
                if hand.done || !event.is_readable() {
                    continue;
                }
                let before = hand.upgraded;
                hand.advance(peer, &mut self.buffer)?;
                if hand.upgraded
                    && !before
                    && let Some(text) = greeting
                {
                    peer.send_text(text.as_bytes())?;
                }
                hand.done = hand.upgraded && hand.frames >= frames;
                left -= usize::from(hand.done);
            }
        }
        Ok(())
    }

    /// Sends bytes, whole frames, on a connection.
    pub(crate) fn send(&mut self, peer: usize, bytes: &[u8]) -> Result<()> {
        self.peers[peer].send(bytes)
    }

    /// Waits for at most `limit`, and gives each text frame that arrived with the number of its connection.
    pub(crate) fn turn(&mut self, limit: Duration, mut each: impl FnMut(usize, &[u8])) -> Result<()> {
        self.wait(limit)?;
        for event in &self.events {
            let n = event.token().0;
            let peer = &mut self.peers[n];
            if event.is_writable() && !peer.unsent.is_empty() {
                peer.send(&[])?;
            }
            if event.is_readable() {
                peer.receive(&mut self.buffer, |payload| each(n, payload))?;
            }
        }
        Ok(())
    }

    fn wait(&mut self, limit: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => other?,
        }
        if !self.events.is_empty() {
            self.last = Instant::now();
        }
        ensure!(self.last.elapsed() < PATIENCE, "the server has sent nothing for {PATIENCE:?}, and answers are due");
        Ok(())
    }

    /// Says that silence until now was no fault.
    pub(crate) fn expect_more(&mut self) {
        self.last = Instant::now();
    }
}

impl Peer {
    fn open(port: u16, n: usize) -> Result<Self> {
        let address = Ipv4Addr::new(127, 0, 0, 1 + (n / PER_ADDRESS) as u8);
        // A wave fits into the queue of the listening socket, so that this does not wait.
        let stream = std::net::TcpStream::connect(SocketAddr::from((address, port)))?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: TcpStream::from_std(stream), reader: FrameReader::default(), unsent: Vec::new() })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            let unsent = std::mem::take(&mut self.unsent);
            let written = self.write(&unsent)?;
            self.unsent = unsent;
            self.unsent.drain(..written);
            return Ok(());
        }
        let written = self.write(bytes)?;
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn send_text(&mut self, text: &[u8]) -> Result<()> {
        let mut bytes = Vec::new();
        frame::write_masked(&mut bytes, frame::TEXT, text);
        self.send(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(more) => written += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("a connection was lost"),
            }
        }
        Ok(written)
    }

    /// Reads until there is no more: epoll tells of what arrives once.
    fn receive(&mut self, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<()> {
        let (mut pings, mut closed) = (Vec::new(), false);
        loop {
            let Some(read) = read(&mut self.stream, buffer)? else { break };
            self.reader.read(&buffer[..read], |Frame { opcode, payload }| match opcode {
                frame::TEXT if payload == ENGINE_PING => frame::write_masked(&mut pings, frame::TEXT, ENGINE_PONG),
                frame::TEXT => each(payload),
                frame::PING => frame::write_masked(&mut pings, frame::PONG, payload),
                frame::CLOSE => closed = true,
                _ => {}
            });
            if closed {
                bail!("the server has closed a connection");
            }
            // A read that takes less than it may has taken all there was.
            if read < buffer.len() {
                break;
            }
        }
        if pings.is_empty() { Ok(()) } else { self.send(&pings) }
    }
}

/// How far a handshake is.
#[derive(Debug, Clone, Default)]
struct Hand {
    head: Vec<u8>,
    upgraded: bool,
    frames: usize,
    done: bool,
}

impl Hand {
    fn advance(&mut self, peer: &mut Peer, buffer: &mut [u8]) -> Result<()> {
        while let Some(read) = read(&mut peer.stream, buffer)? {
            let mut rest = &buffer[..read];
            let head_and_rest;
            if !self.upgraded {
                self.head.extend_from_slice(rest);
                let Some(end) = self.head.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&self.head[..end]).into_owned();
                ensure!(head.starts_with("HTTP/1.1 101"), "the handshake was refused: {head}");
                self.upgraded = true;
                head_and_rest = std::mem::take(&mut self.head);
                rest = &head_and_rest[end + 4..];
            }
            let mut pinged = false;
            peer.reader.read(rest, |frame| match frame.payload == ENGINE_PING {
                true => pinged = true,
                false => self.frames += 1,
            });
            if pinged {
                peer.send_text(ENGINE_PONG)?;
            }
            if read < buffer.len() {
                break;
            }
        }
        Ok(())
    }
}

/// What is there to read; `None` for nothing yet.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => bail!("the server has dropped a connection"),
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error).context("a connection was lost"),
    }
}
