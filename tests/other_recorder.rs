//! A program that has a recorder of its own, in which there is no room for that of the `prometheus` setting.

#[allow(dead_code)]
#[path = "support/mod.rs"]
mod support;

use conduit::{ErrorKind, methods, rpc};
use metrics_util::debugging::DebuggingRecorder;
use serde_json::json;

use support::{Peer, builder, serve};

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// One test, for a program has one recorder.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_of_the_programs_own_gets_the_metrics_and_prometheus_is_refused_beside_it() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let server = builder(methods![add]).open();
    // Built before the recorder is there, started after it.
    let built = server.build().expect("built");
    recorder.install().expect("it is the first");
    let server = built.start().await.expect("started");
    Peer::connect(&server).await.result("add", json!([1, 2])).await;
    let of_add = snapshotter.snapshot().into_vec().into_iter().filter(|(key, ..)| {
        let is =
            |name: &str, value: &str| key.key().labels().any(|label| (label.key(), label.value()) == (name, value));
        is("method", "add") && is("outcome", "ok")
    });
    let counted: Vec<_> = of_add.map(|(.., value)| value).collect();
    assert_eq!(counted, [metrics_util::debugging::DebugValue::Counter(1)]);

    let refused = builder(methods![add]).open().prometheus("127.0.0.1:0").build().expect("built");
    let error = refused.start().await.expect_err("there is a recorder");
    assert_eq!(error.kind(), ErrorKind::Startup);
    assert!(
        error.to_string().contains("has installed a `metrics` recorder of its own: leave the setting out"),
        "{error}"
    );
    serve(methods![add]).await.stop().await.expect("others start and stop as ever");
}
