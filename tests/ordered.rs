//! The option `ordered`: calls of one name from one connection run one after the other.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use conduit::{Connection, methods, on, rpc};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};

use crate::support::{Peer, builder, serve, start};

/// Notes what runs, and holds each step until it is let go.
#[derive(Clone, Default)]
struct Stage(Arc<(Mutex<Vec<String>>, [Gate; 4])>);

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Stage {
    fn note(&self, line: String) {
        self.0.0.lock().expect("nobody panics with the lock").push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.0.lock().expect("nobody panics with the lock").clone()
    }

    fn open(&self, gate: usize) {
        self.0.1[gate].0.add_permits(1);
    }

    /// Runs one step: start, wait at the gate, end.
    async fn step(&self, n: usize) -> usize {
        self.note(format!("start {n}"));
        self.0.1[n].0.acquire().await.expect("the gate is never closed").forget();
        self.note(format!("end {n}"));
        n
    }

    async fn wait_for(&self, line: &str) {
        while !self.lines().iter().any(|noted| noted == line) {
            tokio::task::yield_now().await;
        }
    }
}

#[rpc(ordered)]
async fn step(stage: &Stage, n: usize) -> usize {
    stage.step(n).await
}

#[rpc]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn request(method: &str, n: usize) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": [n], "id": n }).to_string()
}

fn in_order(steps: impl IntoIterator<Item = usize>) -> Vec<String> {
    steps.into_iter().flat_map(|n| [format!("start {n}"), format!("end {n}")]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_an_ordered_method_run_and_are_answered_one_after_the_other() {
    let stage = Stage::default();
    let server = start(builder(methods![step]).open().state(stage.clone())).await;
    let mut peer = Peer::connect(&server).await;
    for _ in 0..50 {
        for n in 0..4 {
            peer.send(&request("step", n)).await;
        }
        // The last may end first: it still has to wait for its start.
        (0..4).rev().for_each(|n| stage.open(n));
        for n in 0..4 {
            assert_eq!(peer.receive().await["result"], n);
        }
    }
    assert_eq!(stage.lines(), in_order((0..50).flat_map(|_| 0..4)));
}

#[tokio::test]
async fn other_methods_and_other_connections_are_not_held_up() {
    let stage = Stage::default();
    let server = start(builder(methods![step, add]).open().state(stage.clone())).await;
    let (mut one, mut two) = (Peer::connect(&server).await, Peer::connect(&server).await);
    one.send(&request("step", 0)).await;
    one.send(&request("step", 1)).await;
    assert_eq!(one.result("add", json!([1, 2])).await, 3);
    two.send(&request("step", 2)).await;
    stage.open(2);
    assert_eq!(two.receive().await["result"], 2);
    assert_eq!(stage.lines(), ["start 0", "start 2", "end 2"]);
}

#[tokio::test]
async fn a_call_that_waits_can_be_cancelled_and_the_next_takes_its_turn() {
    let stage = Stage::default();
    let server = start(builder(methods![step]).open().state(stage.clone())).await;
    let mut peer = Peer::connect(&server).await;
    for n in 0..3 {
        peer.send(&request("step", n)).await;
    }
    let cancelled = peer.ask(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":[1],"id":"c"}"#).await;
    assert_eq!(cancelled["result"], true);
    assert_eq!((&peer.receive().await["id"], stage.lines()), (&json!(1), vec!["start 0".to_owned()]));
    stage.open(0);
    stage.open(2);
    assert_eq!(peer.receive().await["result"], 0);
    assert_eq!(peer.receive().await["result"], 2);
    assert_eq!(stage.lines(), in_order([0, 2]));
}

#[rpc(ordered, timeout = "10s")]
async fn hurried(stage: &Stage, n: usize) -> usize {
    stage.step(n).await
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_of_a_call_counts_from_its_arrival() {
    let stage = Stage::default();
    let server = start(builder(methods![hurried]).open().state(stage.clone())).await;
    let mut peer = Peer::connect(&server).await;
    // Paused time runs on by itself when no task has anything to do.
    let busy = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let came = Instant::now();
    peer.send(&request("hurried", 0)).await;
    stage.wait_for("start 0").await;
    tokio::time::advance(Duration::from_secs(6)).await;
    peer.send(&request("hurried", 1)).await;
    peer.expect_silence().await;
    busy.abort();
    for (n, seconds) in [(0, 10), (1, 16)] {
        let answer = peer.receive().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(n), &json!(-32003)));
        assert_eq!(came.elapsed().as_secs(), seconds);
    }
    assert_eq!(stage.lines(), ["start 0", "start 1"]);
}

/// A sync function that can't be stopped.
struct Blocking(Mutex<mpsc::Receiver<()>>);

#[rpc(ordered, timeout = "1s")]
fn block(stage: &Stage, blocking: &Blocking, n: usize) -> usize {
    stage.note(format!("start {n}"));
    blocking.0.lock().expect("nobody panics with the lock").recv().expect("the test is there");
    stage.note(format!("end {n}"));
    n
}

#[tokio::test(start_paused = true)]
async fn a_sync_function_that_outlives_its_time_limit_is_waited_for() {
    let (stage, (go, wait)) = (Stage::default(), mpsc::channel());
    let state = Blocking(Mutex::new(wait));
    let server = start(builder(methods![block]).open().state(stage.clone()).state(state)).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&request("block", 0)).await;
    stage.wait_for("start 0").await;
    tokio::time::advance(Duration::from_millis(1001)).await;
    assert_eq!(peer.receive().await["error"]["code"], -32003);
    peer.send(&request("block", 1)).await;
    peer.expect_silence().await;
    assert_eq!(stage.lines(), ["start 0"]);
    go.send(()).expect("the function waits");
    go.send(()).expect("the function waits");
    assert_eq!(peer.receive().await["result"], 1);
    assert_eq!(stage.lines(), in_order([0, 1]));
}

#[rpc(ordered)]
async fn bug(n: usize) -> usize {
    tokio::task::yield_now().await;
    assert!(n > 0, "on purpose");
    n
}

#[tokio::test]
async fn a_call_that_fails_or_panics_lets_the_next_go() {
    let server = serve(methods![bug]).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&request("bug", 0)).await;
    peer.send(&request("bug", 1)).await;
    assert_eq!(peer.receive().await["error"]["code"], -32603);
    assert_eq!(peer.receive().await["result"], 1);
}

#[tokio::test]
async fn calls_that_wait_are_in_flight() {
    let stage = Stage::default();
    let server = start(builder(methods![step]).open().state(stage.clone()).max_in_flight(2)).await;
    let mut peer = Peer::connect(&server).await;
    for n in 0..3 {
        peer.send(&request("step", n)).await;
    }
    let refused = peer.receive().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(2), &json!(-32002)));
    assert_eq!(stage.lines(), ["start 0"]);
}

#[tokio::test]
async fn calls_that_wait_do_not_start_when_the_peer_is_gone() {
    let (stage, left) = (Stage::default(), Arc::new(Semaphore::new(0)));
    let gone = Arc::clone(&left);
    let server = builder(methods![step]).open().state(stage.clone()).on_client_disconnect(move |_: Connection, _| {
        gone.add_permits(1);
        async {}
    });
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    for n in 0..4 {
        peer.send(&request("step", n)).await;
    }
    peer.expect_silence().await;
    drop(peer);
    left.acquire().await.expect("never closed").forget();
    server.stop().await.expect("stopped");
    assert_eq!(stage.lines(), ["start 0"]);
}

#[tokio::test]
async fn calls_of_a_batch_have_their_order_too() {
    let stage = Stage::default();
    let server = start(builder(methods![step]).open().state(stage.clone())).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&format!("[{},{}]", request("step", 0), request("step", 1))).await;
    peer.send(&request("step", 2)).await;
    (0..3).rev().for_each(|n| stage.open(n));
    let answers = peer.receive().await;
    assert_eq!((&answers[0]["result"], &answers[1]["result"]), (&json!(0), &json!(1)));
    assert_eq!(peer.receive().await["result"], 2);
    assert_eq!(stage.lines(), in_order(0..3));
}

#[on("draw", ordered)]
async fn draw(stage: &Stage, n: usize) {
    stage.step(n).await;
}

#[tokio::test]
async fn events_have_an_order_by_attribute_or_by_name() {
    let stage = Stage::default();
    let handler = stage.clone();
    let on_move = move |_: Connection, n: usize| {
        // This stands before the future, and waits for its turn all the same.
        handler.note(format!("called {n}"));
        let stage = handler.clone();
        async move { stage.step(n).await }
    };
    let server = builder(methods![draw]).open().state(stage.clone()).on("move", on_move).ordered("move");
    let server = start(server).await;
    let mut peer = Peer::connect(&server).await;
    for (event, n) in [("draw", 0), ("draw", 1), ("move", 2), ("move", 3)] {
        peer.send(&json!({ "jsonrpc": "2.0", "method": event, "params": [n] }).to_string()).await;
    }
    peer.expect_silence().await;
    assert_eq!(stage.lines(), ["start 0", "called 2", "start 2"]);
    for (gate, next) in [(0, "start 1"), (2, "start 3")] {
        stage.open(gate);
        stage.wait_for(next).await;
    }
    assert_eq!(stage.lines(), ["start 0", "called 2", "start 2", "end 0", "start 1", "end 2", "called 3", "start 3"]);
}

#[derive(Default)]
struct Board(Stage);

#[rpc(namespace = "board")]
impl Board {
    #[rpc(ordered)]
    async fn put(&self, n: usize) -> usize {
        self.0.step(n).await
    }

    #[on("board.wipe", ordered)]
    async fn wipe(&self) {}

    async fn size(&self) -> usize {
        3
    }
}

#[tokio::test]
async fn functions_of_a_service_are_ordered_one_by_one_and_discovery_tells() {
    let board = Board::default();
    let stage = board.0.clone();
    let server = start(builder(methods![step]).open().state(stage.clone()).service(board)).await;
    let mut peer = Peer::connect(&server).await;
    peer.send(&request("board.put", 0)).await;
    peer.send(&request("board.put", 1)).await;
    assert_eq!(peer.result("board.size", json!([])).await, 3);
    assert_eq!(stage.lines(), ["start 0"]);

    let document = peer.result("rpc.discover", json!([])).await;
    let named = |list: &Value, name: &str| {
        list.as_array().into_iter().flatten().find(|item| item["name"] == name).cloned().expect(name)
    };
    assert_eq!(named(&document["methods"], "board.put")["x-ordered"], true);
    assert_eq!(named(&document["methods"], "board.size").get("x-ordered"), None);
    assert_eq!(named(&document["x-events"], "board.wipe")["ordered"], true);
    let list = peer.result("listall", json!([])).await;
    assert_eq!(named(&list, "step")["ordered"], true);
    assert_eq!(named(&list, "board.size")["ordered"], false);
}

#[tokio::test]
async fn an_order_for_what_is_not_there_is_refused() {
    let error = builder(methods![add]).open().ordered(["add", "ad"]).build().expect_err("not built");
    assert!(
        error.to_string().ends_with("`ordered` names `ad`, which is neither a method nor an event of this server"),
        "{error}"
    );
}
