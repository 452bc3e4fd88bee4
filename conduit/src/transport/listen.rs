//! A server's own listening socket: takes connections, with TLS or without, and serves HTTP on each, until the server stops.

use std::{
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

use super::{
    Tls,
    idle::Idle,
    progress::{Observed, Patience, Phase, Progress},
};
use crate::server::{Inner, Server};

/// The largest head of a request. A larger one is answered with 431.
const HEAD: usize = 32 * 1024;

/// How long the loop rests when the system has no descriptor or memory for another connection: at first, and at most.
const RESTS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Takes connections until the server stops, and serves each in a task that the server's stop waits for.
pub(crate) async fn serve(listener: TcpListener, server: Server) {
    let router = super::router(server.clone());
    loop {
        let (stream, peer) = tokio::select! {
            () = server.0.closing.cancelled() => return,
            accepted = accept(&listener) => accepted,
        };
        let idle = server.0.idle_sockets.add();
        server.0.sessions.spawn(serve_connection(server.clone(), router.clone(), stream, peer, idle));
    }
}

/// The next connection. Whatever goes wrong, the one after it may go well.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let (mut rest, longest) = RESTS;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Nagle's algorithm holds small answers back for 40 ms.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return (stream, peer);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted, trying again in {rest:?}");
                tokio::time::sleep(rest).await;
                rest = (2 * rest).min(longest);
            }
        }
    }
}

/// Whether it was the connection that failed, and not the listening.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection(server: Server, router: Router, stream: TcpStream, peer: SocketAddr, idle: Idle) {
    let serving = async {
        let Some(tls) = &server.0.tls else { return serve_http(&server, router, stream, peer, idle).await };
        match shake_hands(&server, tls, stream, &idle).await {
            Ok(stream) => serve_http(&server, router, stream, peer, idle).await,
            Err(why) => tracing::debug!(%peer, "a TLS handshake failed: {why}"),
        }
    };
    tokio::select! {
        () = serving => {}
        () = server.0.terms.kill.cancelled() => {}
    }
}

/// Serves a connection that came on no socket, in a task that the server's stop waits for.
pub(crate) fn serve_stream(server: &Server, stream: impl Stream) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (router, idle, this) = (super::router(server.clone()), server.0.idle_sockets.add(), server.clone());
    server.0.sessions.spawn(async move {
        tokio::select! {
            () = serve_http(&this, router, stream, peer, idle) => {}
            () = this.0.terms.kill.cancelled() => {}
        }
    });
}

async fn shake_hands(server: &Server, tls: &Tls, stream: TcpStream, idle: &Idle) -> Result<impl Stream, String> {
    let Inner { config, shutdown, .. } = &*server.0;
    tokio::select! {
        handshake = tokio::time::timeout(config.auth_timeout, tls.accept(stream)) => match handshake {
            Ok(stream) => stream.map_err(|error| error.to_string()),
            Err(_) => Err("it took longer than `auth_timeout`".into()),
        },
        () = poll_fn(|cx| idle.poll_evicted(cx)) => Err(CROWDED.into()),
        () = shutdown.cancelled() => Err("the server is shutting down".into()),
    }
}

const CROWDED: &str = "there are more than `max_idle_sockets`";

/// What bytes come and go on.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Answers the requests of a connection until it ends, becomes a WebSocket, or lets its time go by.
async fn serve_http(server: &Server, router: Router, stream: impl Stream, peer: SocketAddr, idle: Idle) {
    let (stream, progress) = Observed::new(stream);
    let noted = Arc::clone(&progress);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let running = noted.request();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = TowerToHyperService::new(router.clone()).call(request.map(Body::new));
        async move {
            let answer = answer.await;
            drop(running);
            answer
        }
    });
    let mut http = http1::Builder::new();
    let http = http.max_header_size(HEAD).header_read_timeout(None);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    let Inner { config, shutdown, .. } = &*server.0;
    let mut turn = Turn { phase: progress.phase(), idle: Some(idle) };
    let mut patience = Patience::new(config.auth_timeout, config.heartbeat_timeout);
    let mut shutdown = pin!(shutdown.cancelled());
    let mut is_last = false;
    poll_fn(|cx| {
        if !is_last && shutdown.as_mut().poll(cx).is_ready() {
            is_last = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(end) = connection.as_mut().poll(cx) {
            if let Err(error) = end {
                tracing::debug!(%peer, %error, "an HTTP connection broke");
            }
            return Poll::Ready(());
        }
        if turn.poll_evicted(server, progress.phase(), cx).is_ready() {
            tracing::debug!(%peer, "an HTTP connection ends: {CROWDED}");
            return Poll::Ready(());
        }
        is_over(&progress, &mut patience, is_last, cx)
            .map(|why| tracing::debug!(%peer, "an HTTP connection ends: {why}"))
    })
    .await;
}

/// Whose turn it was last, and the place among the idle sockets where it was the peer's.
struct Turn {
    phase: Phase,
    idle: Option<Idle>,
}

impl Turn {
    /// Ready when the socket is idle, and is to make room.
    fn poll_evicted(&mut self, server: &Server, phase: Phase, cx: &Context<'_>) -> Poll<()> {
        if self.phase != phase {
            self.phase = phase;
            self.idle = matches!(phase, Phase::Head { .. }).then(|| server.0.idle_sockets.add());
        }
        self.idle.as_ref().map_or(Poll::Pending, |idle| idle.poll_evicted(cx))
    }
}

/// Ready with the reason when a connection is not to go on.
fn is_over(progress: &Progress, patience: &mut Patience, is_last: bool, cx: &mut Context<'_>) -> Poll<&'static str> {
    let phase = progress.phase();
    if is_last && matches!(phase, Phase::Head { .. }) {
        return Poll::Ready("the server is shutting down");
    }
    patience.poll(cx, phase).map(|phase| match phase {
        Phase::Answer { .. } => "the peer did not take the answer within `heartbeat_timeout`",
        _ => "no request came within `auth_timeout`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_send_small_answers_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_client, (stream, _)) = tokio::join!(TcpStream::connect(address), accept(&listener));
        assert!(stream.nodelay().unwrap());
    }
}
