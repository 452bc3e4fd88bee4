//! Settings from a file and from the environment.

use std::{env, fs, path::Path};

use toml::{Table, Value};

use super::ServerConfig;
use crate::error::{Error, ErrorKind, Result};

/// What the names of environment variables start with.
const PREFIX: &str = "CONDUIT_";

/// Variables of this prefix that speak to clients.
const OF_CLIENTS: [&str; 2] = ["CONDUIT_TOKEN", "CONDUIT_URL"];

impl ServerConfig {
    /// The settings of a TOML file, and over them those of the environment: `CONDUIT_PORT=9000` is `port`.
    ///
    /// Lists are written with commas between their items.
    ///
    /// ```no_run
    /// use conduit::{Server, ServerConfig};
    ///
    /// let server = Server::builder().config(ServerConfig::load("server.toml")?).build()?;
    /// # Ok::<(), conduit::Error>(())
    /// ```
    ///
    /// # Errors
    /// A file that can't be read, a key that there is not, a value of another kind than its key's: each with the
    /// file or variable, and what was wanted.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let failed = |error: &dyn std::fmt::Display| refusal(&format!("file {}", file.display()), error);
        let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
        // The file by itself first, so that what is wrong with it is told with its line.
        toml::from_str::<Self>(&text).map_err(|error| failed(&error))?;
        let table = text.parse::<Table>().map_err(|error| failed(&error))?;
        Self::over(table, env::vars())
    }

    /// The settings of the environment alone, over the defaults.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_env() -> Result<Self> {
        Self::over(Table::new(), env::vars())
    }

    fn over(mut table: Table, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let kinds = Table::try_from(Self::default()).map_err(|error| refusal("the defaults", &error))?;
        let ours = |name: &str| name.starts_with(PREFIX) && !OF_CLIENTS.contains(&name);
        for (name, text) in variables.into_iter().filter(|(name, _)| ours(name)) {
            let key = name[PREFIX.len()..].to_lowercase();
            let value = typed(kinds.get(&key), &text).map_err(|wanted| {
                refusal(&format!("environment variable {name}"), &format!("`{text}` is not {wanted}"))
            })?;
            let one = Table::from_iter([(key.clone(), value.clone())]);
            one.try_into::<Self>().map_err(|error| refusal(&format!("environment variable {name}"), &error))?;
            table.insert(key, value);
        }
        table.try_into().map_err(|error| refusal("the settings", &error))
    }
}

/// A text as a value of the kind that a default has; what was wanted, if it is none.
fn typed(default: Option<&Value>, text: &str) -> Result<Value, &'static str> {
    match default {
        Some(Value::Integer(_)) => text.parse().map(Value::Integer).map_err(|_| "a whole number"),
        Some(Value::Boolean(_)) => text.parse().map(Value::Boolean).map_err(|_| "`true` or `false`"),
        Some(Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(Value::from).collect()))
        }
        // A setting that is off unless it is set: the text says of what kind it is.
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(text.parse().map_or_else(|_| Value::from(text), Value::Integer))
        }
        _ => Ok(Value::from(text)),
    }
}

fn refusal(place: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("{place}: {}", why.to_string().trim_end()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn from(file: &str, variables: &[(&str, &str)]) -> Result<ServerConfig, String> {
        let table = file.parse().unwrap();
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        ServerConfig::over(table, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_counts_more_than_the_file_and_the_file_more_than_the_defaults() {
        let file = "port = 1\nname = \"file\"";
        let variables = [
            ("CONDUIT_PORT", "2"),
            ("CONDUIT_CALL_TIMEOUT", "1m 5s"),
            ("CONDUIT_ALLOWED_ORIGINS", "https://a.example, https://b.example"),
            ("CONDUIT_OPEN", "true"),
            ("CONDUIT_PROMETHEUS", "127.0.0.1:9000"),
            ("CONDUIT_TOKEN", "a client's"),
            ("PATH", "/bin"),
        ];
        let config = from(file, &variables).unwrap();
        assert_eq!((config.port, config.name.as_str(), config.host.as_str()), (2, "file", "0.0.0.0"));
        assert_eq!(config.call_timeout, Some(Duration::from_secs(65)));
        assert_eq!(config.allowed_origins, ["https://a.example", "https://b.example"]);
        assert!(config.open);
        assert_eq!(config.prometheus.as_deref(), Some("127.0.0.1:9000"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_variable_and_what_was_wanted() {
        for (variable, parts) in [
            (("CONDUIT_PORT", "http"), ["CONDUIT_PORT", "`http` is not a whole number"]),
            (("CONDUIT_PORT", "70000"), ["CONDUIT_PORT", "70000"]),
            (("CONDUIT_OPEN", "yes"), ["CONDUIT_OPEN", "`true` or `false`"]),
            (("CONDUIT_PROT", "8080"), ["CONDUIT_PROT", "unknown field `prot`"]),
            (("CONDUIT_AUTH_TIMEOUT", "soon"), ["CONDUIT_AUTH_TIMEOUT", "auth_timeout"]),
        ] {
            let message = from("", &[variable]).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }

    #[test]
    fn every_setting_can_be_written_and_read() {
        let config = ServerConfig {
            password: Some("p".into()),
            call_timeout: Some(Duration::from_millis(1500)),
            allowed_origins: vec!["*".into()],
            tls_certificate: Some("server.pem".into()),
            tls_key: Some("server.key".into()),
            login_headers: vec!["x-api-key".into()],
            prometheus: Some("localhost:9000".into()),
            ..ServerConfig::default()
        };
        assert_eq!(toml::from_str::<ServerConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert!(!format!("{config:?}").contains("\"p\""));
    }

    #[test]
    fn a_file_that_is_wrong_is_named_with_its_line() {
        let file = std::env::temp_dir().join(format!("conduit-config-{}.toml", std::process::id()));
        fs::write(&file, "port = 8080\nprot = 8080\n").unwrap();
        let message = ServerConfig::load(&file).unwrap_err().to_string();
        assert!(message.contains("line 2") && message.contains("unknown field `prot`"), "{message}");
        fs::remove_file(&file).unwrap();
        let message = ServerConfig::load(&file).unwrap_err().to_string();
        assert!(message.contains(&file.display().to_string()), "{message}");
    }
}
