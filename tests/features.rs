//! What a program compiles that is only a client.

use std::process::Command;

/// The packages that conduit needs with these features, of which none is on by default.
fn packages(features: &str) -> Vec<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "conduit", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--no-default-features", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs this test");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("cargo writes UTF-8");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_client_compiles_nothing_of_a_server() {
    let of_server = ["axum", "hyper", "hyper-util", "tower-http", "governor", "metrics", "toml"];
    let (client, server) = (packages("client"), packages("server"));
    for package in of_server {
        assert!(server.iter().any(|known| known == package), "{package} is none of the server's any more");
        assert!(!client.iter().any(|known| known == package), "a client compiles {package}");
    }
}

#[test]
fn tls_brings_no_server() {
    let client = packages("client,tls");
    assert!(client.iter().any(|known| known == "tokio-rustls"));
    assert!(!client.iter().any(|known| known == "hyper"));
}
