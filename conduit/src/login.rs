//! How a server tells its clients from others: a password, or a hook of the application.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use subtle::ConstantTimeEq;

use crate::{
    hook_result::Failure,
    identity::{Credentials, Identity, Refusal},
    panics::panic_text,
    server::Server,
};

/// How a server knows its clients.
#[derive(Clone)]
pub(crate) enum Auth {
    /// Everybody is logged in from the start.
    Open,
    /// Whoever presents this token.
    Token(String),
    /// Whomever the application's hook lets in.
    Hook(LoginHook),
}

/// The application's own check.
pub(crate) type LoginHook =
    Arc<dyn Fn(Server, Credentials) -> BoxFuture<'static, Result<Identity, String>> + Send + Sync>;

impl Auth {
    /// A token of 256 random bits, in hexadecimal.
    pub(crate) fn random_token() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Who presents these credentials, or why they are refused.
    ///
    /// A token takes as long to compare when it is wrong in its first byte as when it is wrong in its last; the
    /// length of the right one is no secret.
    pub(crate) async fn identify(&self, server: &Server, credentials: Credentials) -> Result<Identity, Refusal> {
        match self {
            Self::Open => Ok(Identity::default()),
            Self::Token(right) if right.as_bytes().ct_eq(credentials.token.as_bytes()).into() => {
                Ok(Identity::default())
            }
            Self::Token(_) => Err("the token is wrong".into()),
            Self::Hook(hook) => {
                let caught = AssertUnwindSafe(async { hook(server.clone(), credentials).await }).catch_unwind().await;
                let heard = caught.map(|answer| answer.map_err(Refusal::from));
                heard.unwrap_or_else(|panic| {
                    let failure = Failure::Panicked(panic_text(&*panic).to_owned());
                    server.metrics().hook_failed("login", &failure);
                    tracing::error!("the login hook {failure}");
                    Err(Refusal::unheard("the server failed"))
                })
            }
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_long_and_differ() {
        let (a, b) = (Auth::random_token().unwrap(), Auth::random_token().unwrap());
        assert_eq!(a.len(), 64);
        assert_ne!(a, b);
    }
}
