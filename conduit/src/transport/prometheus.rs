//! What servers count, for Prometheus to fetch: a listener of its own, and the recorder behind it.

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, ErrorKind, Result},
    metrics::{CALL_DURATION, EVENT_DURATION},
};

/// The text format's content type.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds in seconds, for calls that compute as for those that ask a database or another service.
const BUCKETS: [f64; 15] =
    [0.000_025, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How often what was timed is sorted into buckets, also when nobody fetches it.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long an answer that is being fetched may take when the server has stopped.
const LAST: Duration = Duration::from_secs(1);

/// The recorder of the program, once a server has installed it: there can be one, and servers share it.
static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// A listener that serves the metrics.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    stop: CancellationToken,
    serving: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Endpoint {
    /// Binds the address, installs the recorder unless it is there, and serves.
    ///
    /// # Errors
    /// When the address can't be listened on, or the program has another recorder.
    pub(crate) async fn start(address: &str) -> Result<Self> {
        let bind = async {
            let listener = TcpListener::bind(address).await?;
            Ok((listener.local_addr()?, listener))
        };
        let (bound, listener) = bind.await.map_err(|error| bind_error(address, error))?;
        let metrics = recorder()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, metrics, stop.clone()));
        tracing::info!(address = %bound, "metrics are served at /metrics");
        Ok(Self { address: bound, stop, serving: tokio::sync::Mutex::new(Some(serving)) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops, and gives the address free.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        let Some(mut serving) = self.serving.lock().await.take() else { return };
        if tokio::time::timeout(LAST, &mut serving).await.is_err() {
            serving.abort();
        }
    }

    /// Stops without waiting for it.
    pub(crate) fn abort(&self) {
        self.stop.cancel();
        if let Ok(mut serving) = self.serving.try_lock()
            && let Some(serving) = serving.take()
        {
            serving.abort();
        }
    }
}

/// A server that never began, for a hook failed, leaves no listener behind.
impl Drop for Endpoint {
    fn drop(&mut self) {
        self.abort();
    }
}

async fn serve(listener: TcpListener, metrics: PrometheusHandle, stop: CancellationToken) {
    let shown = metrics.clone();
    let show = async move || ([(CONTENT_TYPE, TEXT_FORMAT)], shown.render());
    let routes = Router::new().route("/metrics", get(show)).fallback(elsewhere);
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).into_future();
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                tracing::error!(%error, "metrics are served no more");
            }
        }
        () = upkeep(metrics) => {}
    }
}

async fn elsewhere() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "metrics are at /metrics\n")
}

/// Without it, what was timed piles up until somebody fetches it.
async fn upkeep(metrics: PrometheusHandle) {
    let mut rounds = tokio::time::interval(UPKEEP);
    loop {
        rounds.tick().await;
        metrics.run_upkeep();
    }
}

/// The program's recorder, which the first server installs.
fn recorder() -> Result<PrometheusHandle> {
    // Under the lock, nothing is begun that can't be begun again.
    let mut installed = RECORDER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(metrics) = &*installed {
        return Ok(metrics.clone());
    }
    let recorder = with_buckets().map_err(startup_error)?.build_recorder();
    let metrics = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| {
        let message = "`prometheus` can't be used, for the program has installed a `metrics` recorder of its own: leave \
                       the setting out and let that recorder show the metrics, or don't install it";
        Error::new(ErrorKind::Startup, message)
    })?;
    *installed = Some(metrics.clone());
    Ok(metrics)
}

/// Buckets can be added up over several instances of a program; the exporter's own quantiles can't.
fn with_buckets() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(CALL_DURATION.into()), &BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(EVENT_DURATION.into()), &BUCKETS)
}

fn startup_error(error: BuildError) -> Error {
    Error::new(ErrorKind::Startup, "the metrics recorder can't be made").with_source(error)
}

fn bind_error(address: &str, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        let message = format!(
            "address {address} of `prometheus` is in use: stop the program that listens there, or choose another port"
        );
        return Error::new(ErrorKind::AddressInUse, message).with_source(error);
    }
    Error::new(ErrorKind::Bind, format!("can't listen on {address} for `prometheus`: {error}")).with_source(error)
}
