//! Who may call: the password of a server, and the comparison that does not leak it.

use subtle::ConstantTimeEq;

/// How a server knows its clients.
#[derive(Clone)]
pub(crate) enum Auth {
    /// Everybody is logged in from the start.
    Open,
    /// Whoever presents this token.
    Token(String),
}

impl Auth {
    /// A token of 256 random bits, in hexadecimal.
    pub(crate) fn random_token() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether the token is right. Takes as long for a token that is wrong in its first byte as for one that
    /// is wrong in its last; the length of the right one is no secret.
    pub(crate) fn accepts(&self, token: &str) -> bool {
        match self {
            Self::Open => true,
            Self::Token(right) => right.as_bytes().ct_eq(token.as_bytes()).into(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, 2.1); the scheme's case does not matter.
pub(crate) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_token_is_accepted() {
        let auth = Auth::Token("secret".into());
        assert!(auth.accepts("secret"));
        for wrong in ["", "secre", "secret ", "Secret", "secretsecret"] {
            assert!(!auth.accepts(wrong), "{wrong}");
        }
        assert!(Auth::Open.accepts(""));
    }

    #[test]
    fn random_tokens_are_long_and_differ() {
        let (a, b) = (Auth::random_token().unwrap(), Auth::random_token().unwrap());
        assert_eq!(a.len(), 64);
        assert_ne!(a, b);
    }

    #[test]
    fn bearer_tokens_are_found() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
    }
}
