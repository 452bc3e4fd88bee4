//! What the macros say of misuse, one mistake a file. `TRYBUILD=overwrite` writes the `.stderr` files anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents of OpenRPC's own examples, which `interop/install` fetches.
fn public_documents() -> Vec<PathBuf> {
    let folder = here().join("interop/node_modules/@open-rpc/examples/build/service-descriptions");
    assert!(folder.exists(), "{} is not there: run ./test, which installs it", folder.display());
    files(&folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a directory").map(|file| file.expect("a file").path()).collect()
}

/// Puts documents where trybuild builds its programs: what they import is relative to their Cargo.toml.
fn place(documents: impl IntoIterator<Item = PathBuf>) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory");
    let there = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME")).join("import");
    fs::create_dir_all(&there).expect("a directory");
    for document in documents {
        write(&there.join(document.file_name().expect("a name")), &fs::read(&document).expect("a document"));
    }
}

/// Writes what is not there already: another test may be reading it.
fn write(path: &Path, text: &[u8]) {
    if fs::read(path).ok().as_deref() != Some(text) {
        fs::write(path, text).expect("a file");
    }
}

fn own_documents() -> impl Iterator<Item = PathBuf> {
    files(&here().join("ui/import")).into_iter().chain([here().join("../conduit/docs/users.json")])
}

#[test]
fn misuse_is_explained() {
    place(own_documents());
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn strict_crates_compile() {
    place(own_documents());
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

/// A client is made of each, as source; of some by the macro, and those call a server.
#[test]
fn public_documents_become_clients() {
    place(public_documents());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public");
    fs::create_dir_all(&folder).expect("a directory");
    let cases = trybuild::TestCases::new();
    let documents = public_documents();
    assert!(documents.len() >= 6, "{documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document).expect("a document");
        let source = conduit_codegen::source(&text).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
        let program = folder.join(document.file_name().expect("a name")).with_extension("rs");
        write(&program, format!("{source}\nfn main() {{}}\n").as_bytes());
        cases.pass(program);
    }
    cases.pass("ui/public/*.rs");
}
