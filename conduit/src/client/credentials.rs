//! Credentials that a client asks for when it connects.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};

use crate::panics::panic_text;

/// Where the token of an attempt to connect comes from.
#[derive(Clone)]
pub(super) enum Credentials {
    None,
    /// The same for all attempts.
    Password(String),
    /// Asked for each.
    Hook(Arc<dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync>),
}

/// What a hook that is asked for [credentials](crate::Connect::credentials) may return: a token, or a `Result` of one
/// whose error is shown as text.
#[diagnostic::on_unimplemented(
    message = "a hook that gives credentials can't return `{Self}`",
    note = "return the token, a `String` or `&'static str`, or a `Result` of one whose error implements `Display`"
)]
pub trait Token {
    /// The token, or why there is none.
    fn token(self) -> Result<String, String>;
}

impl Token for String {
    fn token(self) -> Result<String, String> {
        Ok(self)
    }
}

impl Token for &'static str {
    fn token(self) -> Result<String, String> {
        Ok(self.to_owned())
    }
}

impl<T: Into<String>, E: fmt::Display> Token for Result<T, E> {
    fn token(self) -> Result<String, String> {
        self.map(Into::into).map_err(|error| error.to_string())
    }
}

impl Credentials {
    pub(super) fn hook<F, Fut>(function: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Token> + Send + 'static,
    {
        Self::Hook(Arc::new(move || {
            let asked = function();
            async move { asked.await.token() }.boxed()
        }))
    }

    /// The token for an attempt.
    ///
    /// # Errors
    /// Why the hook has none.
    pub(super) async fn token(&self) -> Result<Option<String>, String> {
        match self {
            Self::None => Ok(None),
            Self::Password(password) => Ok(Some(password.clone())),
            Self::Hook(ask) => {
                // The closure is called in the future, so that its own panic is caught too.
                let asked = AssertUnwindSafe(async { ask().await }).catch_unwind().await;
                asked.unwrap_or_else(|panic| Err(format!("the hook panicked: {}", panic_text(&*panic)))).map(Some)
            }
        }
    }

    /// Whether the next attempt may bring other ones.
    pub(super) fn may_change(&self) -> bool {
        matches!(self, Self::Hook(_))
    }
}

/// Without the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password(_) => "Password(..)",
            Self::Hook(_) => "Hook(..)",
        })
    }
}
