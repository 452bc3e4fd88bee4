//! A client of plain WebSocket.

use std::{
    fmt,
    future::IntoFuture,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt, TryStreamExt};

use super::{
    connect,
    transport::{CLOSE_TIMEOUT, Frame, Lost, WebSocket},
};
use crate::{
    close::{CloseCode, Disconnected},
    error::{Error, ErrorKind, Result},
    raw::Message,
};

/// A plain WebSocket connection to `url`, such as `ws://127.0.0.1:8080/echo`; await it to connect, in a tokio runtime.
///
/// ```no_run
/// use conduit::raw;
///
/// # async fn example() -> conduit::Result<()> {
/// let mut client = raw::connect("ws://127.0.0.1:8080/echo").password("secret").await?;
/// client.send("hello").await?;
/// while let Some(message) = client.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(()) }
/// ```
pub fn connect(url: impl Into<String>) -> Connect {
    Connect(connect::Connect::new(url.into()))
}

/// A plain WebSocket connection to be made: await it to connect.
///
/// # Errors
/// `Connect` when the URL, the password or a header can't be used, or the server is not reached, not in time, or no
/// WebSocket; `Unauthorized` when it refuses the login; `Version` when one side is too old for the other.
///
/// # Cancel safety
/// Dropping the future while it connects leaves nothing behind.
#[must_use = "a connection is made when it is awaited"]
#[derive(Debug, Clone)]
pub struct Connect(connect::Connect);

impl Connect {
    /// The token that logs in, sent as `Authorization: Bearer`; visible ASCII. None by default.
    pub fn password(self, password: impl Into<String>) -> Self {
        Self(self.0.password(password))
    }

    /// A header of the request that opens the connection. A second one of the same name replaces the first.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self(self.0.header(name, value))
    }

    /// The version that this client is of, as a semantic version such as `"1.2.0"`, for servers that ask for a
    /// [`minimum_version`](crate::ServerBuilder::minimum_version). None by default.
    pub fn version(self, version: impl Into<String>) -> Self {
        Self(self.0.version(version))
    }

    /// The least version that the server may be of, as a semantic version such as `"1.2.0"`; any by default. A server
    /// that is older, or tells none, is refused with an error of kind [`Version`](ErrorKind::Version).
    pub fn minimum_version(self, version: impl Into<String>) -> Self {
        Self(self.0.minimum_version(version))
    }

    /// The PEM file with the root certificate that signed the server's, for a `wss://` URL. It is trusted in place of
    /// those that the system trusts, which count without it. Needs conduit's cargo feature `tls`.
    pub fn root_certificate(self, file: impl Into<PathBuf>) -> Self {
        Self(self.0.root_certificate(file))
    }

    /// How long connecting may take, login included; 10 seconds by default.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self(self.0.connect_timeout(timeout))
    }

    /// The largest message to take from the server, in bytes; 64 MiB by default. A larger one ends the connection.
    pub fn max_message_size(self, bytes: usize) -> Self {
        Self(self.0.max_message_size(bytes))
    }
}

impl IntoFuture for Connect {
    type Output = Result<Client>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Client>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Ok(Client { socket: self.0.socket().await?, end: None }) })
    }
}

/// A plain WebSocket connection to a server. Dropping it ends the connection without a close frame.
///
/// It is a stream and a sink of messages too; `StreamExt::split` of the `futures-util` crate gives both at a time. Pings
/// are answered while it is read.
pub struct Client {
    socket: WebSocket,
    /// How it ended, once it has.
    end: Option<Disconnected>,
}

impl Client {
    /// Sends a message. Completes when it is written, which waits for a server that reads slowly: one that does not
    /// read before it is read from needs both directions at a time.
    ///
    /// # Errors
    /// `Closed` when the connection has ended.
    ///
    /// # Cancel safety
    /// A message whose future was dropped may or may not have been sent, whole either way.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        SinkExt::send(self, message.into()).await
    }

    /// The next message; `None` when the connection was closed in order. [`end`](Self::end) says how.
    ///
    /// # Errors
    /// `Closed`, once, when the connection was lost, or ended because of what the server sent.
    ///
    /// # Cancel safety
    /// No message is lost when the future is dropped.
    pub async fn recv(&mut self) -> Result<Option<Message>> {
        self.try_next().await
    }

    /// Closes the connection, and returns when the server has closed its side, or after 5 seconds. Messages that arrive
    /// meanwhile are dropped. Of the reason, the first 123 bytes are sent. A connection that has ended stays as it is.
    pub async fn close(&mut self, code: impl Into<CloseCode>, reason: impl Into<String>) {
        let close = Frame::Close(Disconnected::new(code.into().to_send(), reason));
        let closing = async {
            if self.end.is_none() && self.socket.send(close).await.is_ok() {
                while let Some(Ok(_)) = self.next().await {}
            }
            // The server ends the connection beneath, so that it is the one that remembers it for a while (RFC 6455, 7.1.1).
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }

    /// How the connection ended: the code and reason of the server's close frame, 1005 when it named none, 1006 when
    /// there was no such frame. `None` as long as the end was not seen by [`recv`](Self::recv) or
    /// [`close`](Self::close).
    #[must_use]
    pub fn end(&self) -> Option<&Disconnected> {
        self.end.as_ref()
    }

    /// The error of a connection that ended without a close frame of the server.
    fn lost(&mut self, why: String) -> Error {
        let error = Error::new(ErrorKind::Closed, format!("the connection is lost: {why}"));
        self.end.get_or_insert(Disconnected { code: CloseCode::ABNORMAL, reason: why });
        error
    }
}

impl Stream for Client {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.end.is_none() {
            match ready!(self.socket.poll_next_unpin(cx)) {
                Some(Ok(Frame::Text(text))) => return Poll::Ready(Some(Ok(text.as_str().into()))),
                Some(Ok(Frame::Binary(bytes))) => return Poll::Ready(Some(Ok(bytes.into()))),
                Some(Ok(Frame::Close(close))) => self.end = Some(close),
                Some(Err(Lost { why, .. })) => return Poll::Ready(Some(Err(self.lost(why)))),
                None => return Poll::Ready(Some(Err(self.lost("end of stream".into())))),
            }
        }
        // The answer to the server's close frame goes out before the end is told.
        let _ = ready!(self.socket.poll_flush_unpin(cx));
        Poll::Ready(None)
    }
}

impl Sink<Message> for Client {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket.poll_ready_unpin(cx).map_err(not_sent)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<()> {
        let frame = match message {
            Message::Text(text) => Frame::Text(text.into()),
            Message::Binary(bytes) => Frame::Binary(bytes),
        };
        self.socket.start_send_unpin(frame).map_err(not_sent)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket.poll_flush_unpin(cx).map_err(not_sent)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket.poll_close_unpin(cx).map_err(not_sent)
    }
}

fn not_sent(Lost { why, .. }: Lost) -> Error {
    Error::new(ErrorKind::Closed, format!("the message was not sent: the connection is closed: {why}"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("end", &self.end).finish_non_exhaustive()
    }
}
