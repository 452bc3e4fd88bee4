//! One attempt to connect, and what its failure means for the next.

use std::time::Duration;

use semver::Version;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    backoff::Backoff,
    credentials::Credentials,
    transport::{self, Heartbeat, Target, Transport, WebSocket},
};
use crate::error::{Error, ErrorKind, Result, VersionMismatch};

/// Makes the connections of a client, one after the other.
pub(super) trait Dial: Send + Sync + 'static {
    type Transport: Transport;

    fn dial(&self) -> impl Future<Output = Result<Self::Transport, Refused>> + Send;

    /// Whether it logs in while it connects.
    fn logs_in(&self) -> bool;
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) error: Error,
    /// Whether another attempt would fail as well.
    pub(super) is_final: bool,
}

impl Refused {
    /// Whether it is the last attempt: another would fail as well, or too many logins in a row were refused.
    pub(super) fn is_last(&self, backoff: &mut Backoff) -> bool {
        self.is_final || self.error.kind() == ErrorKind::Unauthorized && backoff.refuse()
    }
}

/// How to connect to a server; checked.
pub(super) struct Dialer {
    pub(super) target: Target,
    pub(super) credentials: Credentials,
    pub(super) needed: Option<Version>,
    /// Whether a server that is not told who comes may tell its version later.
    pub(super) may_log_in_later: bool,
    pub(super) connect_timeout: Duration,
    pub(super) heartbeat: Option<Heartbeat>,
}

impl Dial for Dialer {
    type Transport = WebSocket;

    async fn dial(&self) -> Result<WebSocket, Refused> {
        let (transport, version) = match tokio::time::timeout(self.connect_timeout, self.connect()).await {
            Ok(connected) => connected.map_err(|error| self.judge(error))?,
            Err(_) => {
                let message = format!("can't connect to {}: no answer within {:?}", self.target, self.connect_timeout);
                return Err(self.judge(Error::new(ErrorKind::Connect, message)));
            }
        };
        match self.check_version(version) {
            Ok(()) => Ok(transport),
            Err(error) => {
                transport::leave(transport).await;
                Err(self.judge(error))
            }
        }
    }

    fn logs_in(&self) -> bool {
        self.target.logs_in() || !matches!(self.credentials, Credentials::None)
    }
}

impl Dialer {
    async fn connect(&self) -> Result<(WebSocket, Option<String>)> {
        let no_token = |why| {
            let message = format!("can't connect to {}: there are no credentials: {why}", self.target);
            Error::new(ErrorKind::Connect, message)
        };
        match self.credentials.token().await.map_err(no_token)? {
            Some(token) => transport::connect(&self.target.with_token(&token)?, self.heartbeat).await,
            None => transport::connect(&self.target, self.heartbeat).await,
        }
    }

    /// A server that is there and says no will say it again, unless the next attempt brings other credentials.
    fn judge(&self, error: Error) -> Refused {
        let is_final = match error.kind() {
            ErrorKind::Unauthorized => error.version_mismatch().is_some() || !self.credentials.may_change(),
            kind => kind == ErrorKind::Version,
        };
        Refused { error, is_final }
    }

    fn check_version(&self, told: Option<String>) -> Result<()> {
        let Some(needed) = &self.needed else { return Ok(()) };
        if told.is_none() && self.may_log_in_later && !self.logs_in() {
            return Ok(());
        }
        check_version(needed, told).map_err(|mismatch| {
            let hint = match mismatch.got {
                Some(_) => "",
                None => "; a server tells it to clients that log in while they connect",
            };
            let message = format!("the server at {} is refused: {mismatch}{hint}", self.target);
            Error::new(ErrorKind::Version, message).with_source(mismatch)
        })
    }
}

/// Makes the first connection.
pub(super) async fn first<D: Dial>(dialer: &D, mut backoff: Backoff, retries: bool) -> Result<D::Transport> {
    loop {
        let attempt = backoff.attempt();
        let refused = match dialer.dial().await {
            Ok(transport) => return Ok(transport),
            Err(refused) => refused,
        };
        let (is_last, error) = (refused.is_last(&mut backoff), refused.error);
        if !retries || is_last || !backoff.may_go_on() {
            return Err(error);
        }
        let wait = backoff.wait();
        tracing::warn!(attempt, %error, ?wait, "can't connect; the next attempt follows");
        tokio::time::sleep(wait).await;
    }
}

/// Checks the version that a server told against the least that is taken.
fn check_version(needed: &Version, told: Option<String>) -> Result<(), VersionMismatch> {
    match told.as_deref().map(Version::parse) {
        Some(Ok(version)) if version >= *needed => Ok(()),
        _ => Err(VersionMismatch { needed: needed.to_string(), got: told }),
    }
}

/// Checks the version in what a server answers to `rpc.login`.
pub(super) fn check_login(needed: &Version, answer: &RawValue) -> Result<()> {
    #[derive(Deserialize)]
    struct Login {
        version: Option<String>,
    }
    let told = serde_json::from_str(answer.get()).map_or(None, |login: Login| login.version);
    check_version(needed, told).map_err(|mismatch| {
        let message = format!("the server is refused: {mismatch}");
        Error::new(ErrorKind::Version, message).with_source(mismatch)
    })
}

pub(super) fn parse_version(setting: &str, version: &str) -> Result<Version> {
    version.parse().map_err(|error| {
        let message = format!("`{setting}` is `{version}`, which is no semantic version such as 1.2.0: {error}");
        Error::new(ErrorKind::Connect, message).with_source(error)
    })
}
