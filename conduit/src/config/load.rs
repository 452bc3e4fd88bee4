//! Settings from a file and from the environment.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt::Display,
    fs,
    num::NonZeroU32,
    path::Path,
};

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
    /// Lists are written with commas between their items. Every variable that starts with `CONDUIT_` must be a setting,
    /// but for `CONDUIT_TOKEN` and `CONDUIT_URL`, which are for clients. Some orchestrators put the addresses of services
    /// into the environment: Kubernetes sets `CONDUIT_PORT=tcp://..` where a service is called `conduit`, which is no
    /// port. Name the service otherwise, or say `enableServiceLinks: false`.
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
    /// file and line, or the variable, and what was wanted; of variables all at once. No error shows a password. Whether
    /// a server can work with the values is what [`build`](crate::ServerBuilder::build) says.
    pub fn load(file: impl AsRef<Path>) -> Result<Self> {
        let file = file.as_ref();
        let place = format!("file {}", file.display());
        let text = fs::read_to_string(file).map_err(|error| refusal(&place, &error))?;
        // The file by itself first, so that what is wrong with it is told with its line.
        toml::from_str::<Self>(&text).map_err(|error| fault_in(&place, &text, &error))?;
        let table = text.parse::<Table>().map_err(|error| fault_in(&place, &text, &error))?;
        Self::over(table, env::vars_os())
    }

    /// The settings of the environment alone, over the defaults.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_env() -> Result<Self> {
        Self::over(Table::new(), env::vars_os())
    }

    fn over(mut table: Table, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self> {
        let examples = examples()?;
        let mut faults = Vec::new();
        for (name, text) in variables {
            let Some((name, key)) = setting(&name) else { continue };
            match value(&key, text, examples.get(&key)) {
                Ok(value) => drop(table.insert(key, value)),
                Err(why) => faults.push(fault(&format!("environment variable {name}"), &why)),
            }
        }
        match &faults[..] {
            [] => table.try_into().map_err(|error| refusal("the settings", &error)),
            [fault] => Err(Error::new(ErrorKind::Config, fault)),
            faults => Err(Error::new(ErrorKind::Config, format!("wrong settings:\n- {}", faults.join("\n- ")))),
        }
    }
}

/// The value that a variable gives a setting.
///
/// # Errors
/// Why it gives none.
fn value(key: &str, text: OsString, example: Option<&Value>) -> Result<Value, String> {
    let text = text.into_string().map_err(|_| "the value is not UTF-8")?;
    let value = typed(example, &text).map_err(|wanted| format!("`{text}` is not {wanted}"))?;
    let one = Table::from_iter([(key.to_owned(), value.clone())]);
    one.try_into::<ServerConfig>().map_err(|error| error.to_string())?;
    Ok(value)
}

/// The variable's name and the key that it sets, if it is a variable of the server's.
fn setting(name: &OsStr) -> Option<(String, String)> {
    let name = name.to_string_lossy();
    let key = name.strip_prefix(PREFIX).filter(|_| !OF_CLIENTS.contains(&&*name))?.to_lowercase();
    Some((name.into_owned(), key))
}

/// A value of every setting that is no text, from which the kind of each is seen.
fn examples() -> Result<Table> {
    let rate = Some(NonZeroU32::MIN);
    let config = ServerConfig { max_messages_per_second: rate, max_bytes_per_second: rate, ..ServerConfig::default() };
    Table::try_from(config).map_err(|error| refusal("the defaults", &error))
}

/// A text as a value of the kind that its setting has; what was wanted, if it is none.
fn typed(example: Option<&Value>, text: &str) -> Result<Value, &'static str> {
    match example {
        Some(Value::Integer(_)) => text.parse().map(Value::Integer).map_err(|_| "a whole number"),
        Some(Value::Boolean(_)) => text.parse().map(Value::Boolean).map_err(|_| "`true` or `false`"),
        Some(Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(Value::from).collect()))
        }
        // A password of digits is a text too.
        _ => Ok(Value::from(text)),
    }
}

/// What is wrong with a file. The error itself would quote the line, and with it whatever secret is there.
fn fault_in(place: &str, text: &str, error: &toml::de::Error) -> Error {
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => refusal(&format!("{place}, line {}", before.matches('\n').count() + 1), &error.message()),
        None => refusal(place, &error.message()),
    }
}

fn refusal(place: &str, why: &dyn Display) -> Error {
    Error::new(ErrorKind::Config, fault(place, why))
}

fn fault(place: &str, why: &dyn Display) -> String {
    format!("{place}: {}", in_words(why.to_string().trim_end()))
}

/// What was wanted, in words of whoever writes settings: serde names types.
fn in_words(fault: &str) -> String {
    const WORDS: [(&str, &str); 6] = [
        ("expected a duration", "expected a time with its unit, such as \"30s\" or \"500ms\""),
        ("expected a nonzero u32", "expected a whole number from 1 to 4294967295"),
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected usize", "expected a whole number that is not negative"),
        ("expected semver version", "expected a semantic version such as \"1.2.0\""),
    ];
    WORDS.iter().fold(fault.to_owned(), |fault, (of_serde, words)| fault.replace(of_serde, words))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn from(file: &str, variables: &[(&str, &str)]) -> Result<ServerConfig, String> {
        let table = file.parse().unwrap();
        let variables = variables.iter().map(|&(name, value)| (name.into(), value.into()));
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
            (("CONDUIT_PORT", "70000"), ["CONDUIT_PORT", "a whole number from 0 to 65535"]),
            (("CONDUIT_MAX_MESSAGES_PER_SECOND", "0"), ["PER_SECOND", "a whole number from 1 to 4294967295"]),
            (("CONDUIT_MAX_FAILED_LOGINS", "-1"), ["FAILED_LOGINS", "a whole number from 0 to 4294967295"]),
            (("CONDUIT_MAX_BATCH", "-1"), ["CONDUIT_MAX_BATCH", "a whole number that is not negative"]),
            (("CONDUIT_AUTH_TIMEOUT", "soon"), ["CONDUIT_AUTH_TIMEOUT", "auth_timeout"]),
        ] {
            let message = from("", &[variable]).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
        let message = from("call_timeout = 5", &[]).unwrap_err();
        assert!(message.contains("expected a time with its unit, such as \"30s\""), "{message}");
    }

    #[test]
    fn all_variables_that_are_wrong_are_told_at_once() {
        let message =
            from("", &[("CONDUIT_PORT", "http"), ("CONDUIT_OPEN", "true"), ("CONDUIT_PROT", "1")]).unwrap_err();
        let faults: Vec<_> =
            message.lines().skip(1).filter(|line| line.starts_with("- environment variable ")).collect();
        assert!(faults.len() == 2 && message.contains("CONDUIT_PORT") && message.contains("CONDUIT_PROT"), "{message}");
    }

    #[test]
    fn a_text_of_digits_is_a_text_where_a_text_is_wanted_and_a_number_elsewhere() {
        let variables = [
            ("CONDUIT_PASSWORD", "12345678"),
            ("CONDUIT_TLS_CERTIFICATE", "1"),
            ("CONDUIT_TLS_KEY", "2"),
            ("CONDUIT_PROMETHEUS", "9000"),
            ("CONDUIT_NAME", "3"),
            ("CONDUIT_MAX_MESSAGES_PER_SECOND", "100"),
            ("CONDUIT_MAX_BYTES_PER_SECOND", "1000"),
        ];
        let config = from("", &variables).unwrap();
        assert_eq!(config.password, Some("12345678".into()));
        assert_eq!((config.tls_certificate, config.tls_key), (Some("1".into()), Some("2".into())));
        assert_eq!((config.prometheus.as_deref(), config.name.as_str()), (Some("9000"), "3"));
        assert_eq!(config.max_messages_per_second, NonZeroU32::new(100));
        assert_eq!(config.max_bytes_per_second, NonZeroU32::new(1000));
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf8_is_an_error_only_if_it_is_a_setting() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = || OsString::from_vec(vec![b'a', 0xff]);
        let load = |name: OsString| ServerConfig::over(Table::new(), [(name, bytes())]);
        assert_eq!(load("LESSCHARSET".into()).unwrap(), ServerConfig::default());
        assert_eq!(load(bytes()).unwrap(), ServerConfig::default());
        let message = load("CONDUIT_NAME".into()).unwrap_err().to_string();
        assert!(message.contains("CONDUIT_NAME: the value is not UTF-8"), "{message}");
    }

    #[test]
    fn no_error_shows_a_password() {
        let file = env::temp_dir().join(format!("conduit-password-{}.toml", std::process::id()));
        for line in [
            "password = hunter2",
            "password = \"hunter2",
            "password = 'hunter2' hunter2",
            "password: hunter2",
            "password = 4815162342",
            "password = -4815162342",
            "password = 48151.62342",
            "password = 1979-05-27",
            "password = ['hunter2']",
            "password = { value = 'hunter2' }",
        ] {
            fs::write(&file, format!("port = 8080\n{line}\n")).unwrap();
            let error = ServerConfig::load(&file).unwrap_err();
            for shown in [error.to_string(), format!("{error:?}")] {
                let is_shown = ["hunter2", "48151", "62342", "1979"].iter().any(|secret| shown.contains(secret));
                assert!(!is_shown && shown.contains("line 2"), "{line} gives {shown}");
            }
        }
        fs::remove_file(&file).unwrap();
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
