//! A proxy between a client and a server that damages connections: a byte decides where, the test how.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What happens to a connection.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub kind: Kind,
    pub direction: Direction,
    /// How many bytes pass in this direction before it.
    pub offset: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Both directions end.
    Cut,
    /// This direction ends; the other goes on.
    HalfClose,
    /// The rest comes later.
    Delay(Duration),
    /// Nothing more comes, and nothing ends.
    Stall,
    /// One bit of the next byte is another.
    Corrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// Passes bytes on. Dropping it ends its connections.
pub struct Proxy {
    address: SocketAddr,
    cut: watch::Sender<u64>,
    passed: Arc<Passed>,
    task: JoinHandle<()>,
}

/// How many bytes went through the first connection.
#[derive(Default)]
pub struct Passed {
    pub to_server: AtomicUsize,
    pub to_client: AtomicUsize,
}

impl Proxy {
    /// A proxy to `server`. The first connection has the fault, if there is one; those that follow have none.
    pub async fn start(server: SocketAddr, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (cut, cuts) = watch::channel(0);
        let passed = Arc::<Passed>::default();
        let task = tokio::spawn(serve(listener, server, fault, cuts, Arc::clone(&passed)));
        Self { address, cut, passed, task }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Ends all connections that are there.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// How many bytes went through the first connection, to the server and to the client.
    pub fn passed(&self) -> (usize, usize) {
        (self.passed.to_server.load(Ordering::Relaxed), self.passed.to_client.load(Ordering::Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    fault: Option<Fault>,
    cuts: watch::Receiver<u64>,
    passed: Arc<Passed>,
) {
    let (mut fault, mut passed) = (fault, Some(passed));
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(server).await else { continue };
        let (fault, passed, mut cuts) = (fault.take(), passed.take().unwrap_or_default(), cuts.clone());
        cuts.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                () = relay(client, server, fault, &passed) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn relay(client: TcpStream, server: TcpStream, fault: Option<Fault>, passed: &Passed) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((client_read, client_write), (server_read, server_write)) = (client.into_split(), server.into_split());
    let of = |direction| fault.filter(|fault| fault.direction == direction);
    let to_server = pass(client_read, server_write, of(Direction::ToServer), &passed.to_server);
    let to_client = pass(server_read, client_write, of(Direction::ToClient), &passed.to_client);
    tokio::pin!(to_server, to_client);
    // A direction that ended leaves the other to itself, unless both are cut.
    tokio::select! {
        end = &mut to_server => if end == End::Ended { to_client.await; },
        end = &mut to_client => if end == End::Ended { to_server.await; },
    }
}

#[derive(PartialEq, Eq)]
enum End {
    Cut,
    Ended,
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut fault: Option<Fault>,
    passed: &AtomicUsize,
) -> End {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &mut buffer[..read];
        let before = passed.fetch_add(read, Ordering::Relaxed);
        let Some(Fault { kind, offset, .. }) = fault.filter(|fault| fault.offset < before + read) else {
            if to.write_all(bytes).await.is_err() {
                break;
            }
            continue;
        };
        fault = None;
        let (first, rest) = bytes.split_at_mut(offset - before);
        let _ = to.write_all(first).await;
        match kind {
            Kind::Cut => return End::Cut,
            Kind::HalfClose => {
                let _ = to.shutdown().await;
                // What still comes is read, so that it ends in nothing but the other direction.
                while let Ok(1..) = from.read(&mut buffer).await {}
                return End::Ended;
            }
            Kind::Stall => std::future::pending().await,
            // The lateness is the fault itself: nothing waits here for something to come about.
            Kind::Delay(delay) => tokio::time::sleep(delay).await,
            Kind::Corrupt => rest[0] ^= 1 << (offset % 8),
        }
        if to.write_all(rest).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
    End::Ended
}
