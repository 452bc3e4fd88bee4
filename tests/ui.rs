//! What the macros say of misuse, one mistake a file. `TRYBUILD=overwrite` writes the `.stderr` files anew.

#[test]
fn misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn strict_crates_compile() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
