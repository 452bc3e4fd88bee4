//! Stands in for TLS in a build without the feature `tls`.

use std::{io, path::Path};

use tokio::net::TcpStream;

/// There is none.
#[derive(Clone)]
pub(crate) enum Tls {}

impl Tls {
    pub(crate) fn load(_: &Path, _: &Path) -> Result<Self, Vec<String>> {
        Err(vec![
            "`tls_certificate` and `tls_key` are given, but this program is built without TLS: enable the feature \
                  `tls` of `conduit`"
                .into(),
        ])
    }

    pub(super) async fn accept(&self, _: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use crate::Server;

    #[test]
    fn settings_of_tls_say_which_feature_to_enable() {
        let error = Server::builder().explicit().open().tls("server.pem", "server.key").build().unwrap_err();
        assert!(error.to_string().ends_with("enable the feature `tls` of `conduit`"), "{error}");
    }
}
