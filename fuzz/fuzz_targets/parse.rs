//! `fuzz/run` builds and runs it.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| conduit_fuzz::check_parse(text));
