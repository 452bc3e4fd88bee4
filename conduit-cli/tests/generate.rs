//! `conduit generate`.

use crate::support::{pipe, run, serve};

#[tokio::test]
async fn code_is_the_same_from_a_server_a_file_and_a_pipe() {
    let server = serve().await;
    let url = server.address().to_string();
    let code = run(&["generate", "rust", &url]).await.ok().to_owned();
    syn::parse_file(&code).expect("Rust");
    for part in ["pub mod add", "pub fn call", "a: i64, b: i64", "Add two numbers."] {
        assert!(code.contains(part), "{part:?} is not in {code}");
    }
    let document = run(&["openrpc", "--json", &url]).await.ok().to_owned();
    assert_eq!(pipe(&["generate", "rust", "-"], &document).await.ok(), code);
    let file = std::env::temp_dir().join(format!("conduit-generate-{}.json", std::process::id()));
    std::fs::write(&file, document).expect("written");
    assert_eq!(run(&["generate", "rust", &file.display().to_string()]).await.ok(), code);
    std::fs::remove_file(&file).expect("gone");
}

#[tokio::test]
async fn a_document_that_makes_no_code_is_told_with_the_place() {
    let document = "{\n  \"openrpc\": \"1.3.2\",\n  \"info\": {\"title\": \"t\", \"version\": \"1\"},\n  \"methods\": [\n    7\n  ]\n}";
    let done = pipe(&["generate", "rust", "-"], document).await;
    assert!(done.failed(2).contains("no code can be made of <stdin>: "), "{done:?}");
    assert!(done.stderr.contains("--> <stdin>:5:5"), "{done:?}");
    assert!(done.stderr.contains("5 |     7\n  |     ^ here"), "{done:?}");
    assert!(pipe(&["generate", "rust", "-"], "nonsense").await.failed(2).contains("<stdin>"));
}

#[tokio::test]
async fn what_is_neither_a_file_nor_a_server_is_told() {
    let missing = run(&["generate", "rust", "no/such/api.json"]).await;
    assert!(missing.failed(2).contains("can't read the file `no/such/api.json`"), "{missing:?}");
    let neither = run(&["generate", "rust", "ftp://a"]).await;
    assert!(neither.failed(2).contains("`ftp://a` is neither a file nor a URL"), "{neither:?}");
    let other = run(&["generate", "cobol", ":1"]).await;
    assert!(other.failed(2).contains("possible values: rust"), "{other:?}");
}
