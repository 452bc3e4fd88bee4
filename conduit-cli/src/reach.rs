//! Why a server can't be reached, and what to do about that.

use std::{error::Error, io};

use conduit::ErrorKind;

use crate::{
    address::Address,
    args::{Connection, Server},
    exit::Exit,
    failure::{Failure, Result},
    output,
};

/// Refuses what no connection can be made with.
pub(crate) fn check(server: &Server) -> Result {
    let Connection { token, root_certificate, .. } = &server.connection;
    // It is not shown: it may be almost right.
    let is_visible = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if token.as_ref().is_some_and(|token| !is_visible(token) || token.ends_with(' ')) {
        return Err(Failure::usage("the token can't be sent: it must be visible ASCII characters"));
    }
    if root_certificate.is_some() && !server.url.is_secure() {
        let message = format!("--root-certificate is of use with wss:// alone, and the server is {}", server.url);
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// Why there is no connection.
pub(crate) fn failure(error: conduit::Error, server: &Server) -> Failure {
    if error.kind() != ErrorKind::Connect {
        return error.into();
    }
    // What the library says of its own settings, in words of the command line.
    let message = output::safe(&error.to_string()).replace("`.root_certificate(..)`", "`--root-certificate FILE`");
    if message.contains("the root certificate is ") {
        return Failure::usage(message);
    }
    let help = help(&error, &message, &server.url);
    let failure = Failure::new(Exit::Connect, message);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// What may help.
fn help(error: &conduit::Error, message: &str, url: &Address) -> Option<String> {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    let is = |part: &str| message.contains(part);
    let host = url.host();
    let help = match io {
        Some(io::ErrorKind::ConnectionRefused) if !url.has_port() => {
            let port = if url.is_secure() { 443 } else { 80 };
            format!("no port is given, so that it is {port}; `conduit serve` and many others are at {host}:8080")
        }
        Some(io::ErrorKind::ConnectionRefused) => {
            "is a server there? `conduit serve` starts one to try things against".into()
        }
        _ if is("lookup address") => format!("is `{host}` the server? it comes first, such as :8080 or ws://HOST:PORT"),
        _ if is("no answer within") => "`--connect-timeout 1m` waits longer".into(),
        _ if is("does not speak TLS") => format!("without TLS it is ws://{host}"),
        _ if is("answered status 3") => "it sends elsewhere; give the address that it sends to".into(),
        _ if is("answered status") => "something is there that is no WebSocket; is the path right?".into(),
        _ if is("is no WebSocket") && !url.is_secure() => format!("if it speaks TLS, it is wss://{host}"),
        _ => return None,
    };
    Some(help)
}
