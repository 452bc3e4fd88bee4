//! A server on its way from bound to stopped.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    config::ServerConfig,
    error::{Error, ErrorKind, Result},
    lifecycle,
    server::{Inner, Server},
    transport,
};

impl Server {
    /// Serves until the process gets SIGINT or SIGTERM, or somebody calls [`stop`](Self::stop), then stops gracefully.
    ///
    /// # Errors
    /// When the address can't be listened on: [`Error::is_address_in_use`] tells the usual case.
    pub async fn run(self) -> Result<()> {
        let signal = signals()?;
        let running = self.start().await?;
        tokio::select! {
            () = signal => {}
            // The server was told to stop, or no longer listens.
            () = running.server.0.closing.cancelled() => {}
        }
        tracing::info!("stopping");
        running.stop().await
    }

    /// [`run`](Self::run) for a program without a runtime: makes one and blocks the thread.
    ///
    /// A sync method that still runs at the shutdown deadline is not waited for: its thread ends with it, or with the
    /// program.
    ///
    /// # Errors
    /// As `run`, and when the runtime can't be made.
    ///
    /// # Panics
    /// When it is called inside a runtime; `run().await` serves there.
    pub fn run_blocking(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::new(ErrorKind::Io, "no runtime could be made").with_source(error))?;
        let outcome = runtime.block_on(self.run());
        // To drop the runtime would wait for its blocking threads without end.
        runtime.shutdown_background();
        outcome
    }

    /// Binds the address and serves in the background. A server starts once.
    ///
    /// # Errors
    /// When the address can't be listened on: [`Error::is_address_in_use`] tells the usual case. When a startup hook
    /// fails, or the server was started or stopped before: of kind [`ErrorKind::Startup`].
    ///
    /// # Cancel safety
    /// Dropping the future frees the address. A startup hook that runs goes on to its end.
    pub async fn start(self) -> Result<RunningServer> {
        if self.is_closing() || self.0.address.get().is_some() {
            let message = "the server was started before, and a server starts once: build another";
            return Err(Error::new(ErrorKind::Startup, message));
        }
        let listener = self.bind().await?;
        let address = listener.local_addr().map_err(|error| bind_error(&self.0.config, error))?;
        if self.0.address.set(address).is_err() {
            return Err(Error::new(ErrorKind::Startup, "the server is started twice at the same time"));
        }
        self.start_up().await?;
        tracing::info!(%address, name = self.name(), "listening");
        let (server, ends) = (self.clone(), self.0.closing.clone().drop_guard());
        let serving = tokio::spawn(async move {
            // Also if it panics: `run` does not wait for a server that no longer listens.
            let _ends = ends;
            transport::serve(listener, server).await;
        });
        Ok(RunningServer { server: self, address, serving: Some(serving) })
    }

    async fn bind(&self) -> Result<TcpListener> {
        let config = &self.0.config;
        listen(config).await.map_err(|error| bind_error(config, error))
    }

    /// Stops gracefully: no new connections, calls in flight are answered, connections are closed with 1001.
    ///
    /// What takes longer than the shutdown deadline is cut off. For a server that runs by
    /// [`router`](Self::router); others have [`RunningServer::stop`]. To call it again does no harm. It returns when
    /// the server's last task has ended; with a router, answers that are made may still be on their way to the client.
    ///
    /// A method or hook that awaits it waits for itself, until the shutdown deadline cuts it off. There, spawn it:
    ///
    /// ```
    /// use conduit::{Server, rpc};
    ///
    /// #[rpc(allow = "admin")]
    /// async fn halt(server: &Server) {
    ///     let server = server.clone();
    ///     tokio::spawn(async move { server.stop().await });
    /// }
    /// ```
    pub async fn stop(&self) {
        let Inner { closing, sessions, config, hooks, stopped, .. } = &*self.0;
        let deadline = deadline(config);
        closing.cancel();
        let mut stopped = stopped.lock().await;
        if !std::mem::replace(&mut *stopped, true) {
            // Clients are still there: what a hook broadcasts reaches them before their connections close.
            let hooks = lifecycle::all("shutdown", &hooks.shutdown, self, &self.0.metrics);
            if tokio::time::timeout_at(deadline, hooks).await.is_err() {
                tracing::warn!("the shutdown hooks took longer than the shutdown deadline");
            }
        }
        drop(stopped);
        self.drain();
        sessions.close();
        if tokio::time::timeout_at(deadline, sessions.wait()).await.is_err() {
            tracing::warn!(left = sessions.len(), "shutdown deadline passed, closing what is left");
            self.kill();
            sessions.wait().await;
        }
        // To the end, so that a last look at the metrics finds all connections gone.
        #[cfg(feature = "prometheus")]
        if let Some(endpoint) = self.0.endpoint.get() {
            endpoint.stop().await;
        }
    }

    /// Whether new connections are refused.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.is_cancelled()
    }
}

/// A server that serves in the background.
///
/// Dropping it stops the server at once: connections close with 1001, and calls in flight are cancelled. Disconnect hooks
/// run still, and have a second to end; shutdown hooks do not run.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct RunningServer {
    server: Server,
    address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

impl RunningServer {
    /// The address that the server listens on, with the port that was found for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that the server listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address at which Prometheus finds the metrics, with the port that was found for port 0; `None` without
    /// the setting [`prometheus`](crate::ServerBuilder::prometheus). Only with conduit's feature `prometheus`.
    #[cfg(feature = "prometheus")]
    #[must_use]
    pub fn prometheus_address(&self) -> Option<SocketAddr> {
        self.server.0.endpoint.get().map(transport::prometheus::Endpoint::address)
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Stops gracefully: no new connections, calls in flight are answered, connections are closed with 1001.
    ///
    /// What takes longer than the shutdown deadline is cut off.
    ///
    /// # Errors
    /// When serving had failed before.
    ///
    /// # Cancel safety
    /// Dropping the future goes on to stop the server, without waiting for calls in flight.
    pub async fn stop(mut self) -> Result<()> {
        self.server.stop().await;
        let Some(serving) = self.serving.take() else { return Ok(()) };
        serving.await.map_err(|error| Error::new(ErrorKind::Io, "serving failed").with_source(error))
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.server.0.closing.cancel();
        self.server.drain();
        self.server.kill();
        #[cfg(feature = "prometheus")]
        if let Some(endpoint) = self.server.0.endpoint.get() {
            endpoint.abort();
        }
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// When a server that stops now waits no longer.
fn deadline(config: &ServerConfig) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + config.shutdown_deadline.min(FAR)
}

/// Listens on the first of the host's addresses that can be listened on.
async fn listen(ServerConfig { host, port, .. }: &ServerConfig) -> io::Result<TcpListener> {
    /// Clients that may wait to be accepted. Of a wave of more than the usual 128, the rest would try again after a second.
    const BACKLOG: u32 = 4096;
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((host.as_str(), *port)).await? {
        let listening = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // As tokio's own listeners: a server that starts again finds its port free. On Windows it means another thing.
            #[cfg(not(windows))]
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        match listening() {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn bind_error(config: &ServerConfig, error: io::Error) -> Error {
    let address = format!("{}:{}", config.host, config.port);
    if error.kind() == io::ErrorKind::AddrInUse {
        let message =
            format!("address {address} is in use: stop the program that listens there, or choose another port");
        return Error::new(ErrorKind::AddressInUse, message).with_source(error);
    }
    Error::new(ErrorKind::Bind, format!("can't listen on {address}: {error}")).with_source(error)
}

/// The signals that end a server. They are caught from the moment this returns.
#[cfg(unix)]
fn signals() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Error::new(ErrorKind::Io, "signals can't be caught").with_source(error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
