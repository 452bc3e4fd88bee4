//! What a peer can't make this do.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::shapes::{Collections, Everything, arguments, raw};

/// The errors of params that are refused before long; what is long here is so without optimisation.
fn errors_in_time<P: JsonSchema + DeserializeOwned>(params: &str) -> Value {
    let (arguments, params) = (arguments::<P>(), raw(params));
    let start = Instant::now();
    let error = arguments.read::<P>("m", Some(&params)).err().expect("the params are wrong");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    error.data_as::<Value>().unwrap()["errors"].take()
}

#[test]
fn hundreds_of_thousands_of_faults_are_counted_and_not_kept() {
    let errors = errors_in_time::<Everything>(&format!(r#"{{"names":[{}0]}}"#, "0,".repeat(200_000)));
    assert_eq!(errors[0]["keyword"], "maxItems");
    assert_eq!(errors[50]["message"], "199952 more errors not listed");
}

#[test]
fn a_fault_behind_much_that_is_right_is_found() {
    let errors = errors_in_time::<Collections>(&format!(r#"{{"set":[{}-1]}}"#, "1,".repeat(200_000)));
    assert_eq!(errors[0]["path"], "/set/200000");
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only read")]
enum Tangle {
    One { next: Box<Tangle>, a: Option<u8> },
    Two { next: Box<Tangle>, b: Option<u8> },
    End(u8),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only read")]
struct Tangled {
    tangle: Tangle,
}

#[test]
fn enums_within_enums_are_given_up_in_time() {
    let tangled = |depth| format!(r#"{{"tangle":{}true{}}}"#, r#"{"next":"#.repeat(depth), "}".repeat(depth));
    let errors = errors_in_time::<Tangled>(&tangled(3));
    assert_eq!(errors[0]["path"], "/tangle/next/next/next");
    assert_eq!(errors[0]["message"], "expected an object or an integer, got true");
    let errors = errors_in_time::<Tangled>(&tangled(16));
    assert_eq!(errors[0]["message"], "not of an allowed shape; in which part would take too long to find");
}
