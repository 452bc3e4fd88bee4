//! A client stays connected, whatever becomes of its connections.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use conduit::{Client, Connect, Connection, Error, ErrorObject, RunningServer, methods, rpc};
use futures_util::{StreamExt, future::join_all, poll, stream};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use crate::support::{
    PATIENCE, builder,
    gate::{Gate, wait},
    proxy::{Direction, Fault, Kind, Proxy},
    start,
};

/// How often each call ran.
#[derive(Default)]
struct Runs(Mutex<HashMap<u64, u32>>);

impl Runs {
    fn add(&self, key: u64) {
        *self.0.lock().expect("nobody panics here").entry(key).or_default() += 1;
    }

    fn of(&self, key: u64) -> u32 {
        self.0.lock().expect("nobody panics here").get(&key).copied().unwrap_or_default()
    }
}

/// Add two numbers.
#[rpc(idempotent)]
async fn add(a: u64, b: u64) -> u64 {
    a + b
}

/// Note a call, and greet who made it. The key comes twice: one that was damaged on its way is not another call's.
#[rpc]
async fn note(client: &Connection, runs: &Arc<Runs>, key: u64, again: u64) -> u64 {
    if key == again {
        runs.add(key);
    }
    client.send("noted", &key);
    key
}

async fn serve(runs: &Arc<Runs>) -> RunningServer {
    let builder = builder(methods![add, note]).password("secret").max_failed_logins(0).max_connections(10_000);
    let builder = builder.max_unauthenticated(10_000).auth_timeout(Duration::from_millis(500));
    start(builder.state(Arc::clone(runs))).await
}

fn connect(proxy: &Proxy) -> Connect {
    Client::connect(proxy.url())
        .credentials(|| async { "secret" })
        .retry_first_connect(true)
        .reconnect_delay(Duration::from_millis(1)..=Duration::from_millis(20))
        .connect_timeout(Duration::from_secs(1))
        .heartbeat_interval(Duration::from_millis(100))
        .heartbeat_timeout(Duration::from_millis(500))
        .on("noted", |_: u64| async {})
}

impl Kind {
    /// How long each call of the conversation may take. An answer that was damaged is waited for in vain.
    fn deadline(self) -> Duration {
        if self == Self::Corrupt { Duration::from_secs(1) } else { PATIENCE }
    }
}

/// The calls of a conversation. Each is noted under a key of its own.
async fn converse(client: &Client, key: u64, deadline: Duration) -> [Result<u64, Error>; 4] {
    let start = Instant::now();
    let noted = client.call("note", (key, key)).timeout(deadline).await;
    let (sum, next) = tokio::join!(
        add::call(client, key, 1).timeout(deadline),
        client.call("note", (key + 1, key + 1)).timeout(deadline),
    );
    let mut batch = client.batch().timeout(deadline);
    let entry = batch.call("note", (key + 2, key + 2));
    let batch = batch.send().await.and_then(|answers| answers.take(entry));
    // The machine may be busy, but nothing hangs.
    assert!(start.elapsed() < 3 * deadline + PATIENCE);
    [noted, sum, next, batch]
}

/// Holds a conversation over a connection with a fault, and shows what must be so.
async fn survive(server: &RunningServer, runs: &Runs, fault: Fault, key: u64) {
    let proxy = Proxy::start(server.address(), Some(fault)).await;
    let client = tokio::time::timeout(PATIENCE, connect(&proxy)).await;
    let client = client
        .unwrap_or_else(|_| panic!("{fault:?}: no connection"))
        .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    let [noted, sum, next, batch] = converse(&client, key, fault.kind.deadline()).await;
    let intact = fault.kind != Kind::Corrupt;
    for (key, result) in [(key, noted), (key + 1, next), (key + 2, batch)] {
        let ran = runs.of(key);
        assert!(ran <= 1, "{fault:?}: a call ran {ran} times");
        match result {
            Ok(answer) if intact => assert_eq!((answer, ran), (key, 1), "{fault:?}"),
            Ok(_) => {}
            // What came to the server as another call may have run as such.
            Err(error) if intact => assert!(ran == 0 || error.may_have_run(), "{fault:?}: {error:?}"),
            Err(_) => {}
        }
    }
    match (sum, fault.kind) {
        (Ok(_), Kind::Corrupt) => {}
        (Ok(sum), _) => assert_eq!(sum, key + 1, "{fault:?}"),
        (Err(_), Kind::Corrupt) => {}
        (Err(error), _) => panic!("{fault:?}: {error}"),
    }
    back(&client, fault).await;
}

/// Waits until the client is back.
async fn back(client: &Client, fault: Fault) {
    let back = async {
        while !add::call(client, 2, 3).timeout(fault.kind.deadline()).await.is_ok_and(|sum| sum == 5) {
            assert!(!client.is_closed(), "{fault:?}: {client:?}");
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap_or_else(|_| panic!("{fault:?}: the client is not back"));
}

/// How many bytes a whole conversation has, to the server and to the client.
async fn length(server: &RunningServer) -> (usize, usize) {
    let proxy = Proxy::start(server.address(), None).await;
    let client = connect(&proxy).await.expect("connected");
    for result in converse(&client, 1_000_000, PATIENCE).await {
        result.expect("answered");
    }
    proxy.passed()
}

/// Holds a conversation for each byte of each direction, with a fault of this kind at it.
async fn survive_at_every_byte(kind: Kind) {
    let runs = Arc::<Runs>::default();
    let server = serve(&runs).await;
    let (to_server, to_client) = length(&server).await;
    let places = (0..to_server).map(|offset| (Direction::ToServer, offset));
    let places = places.chain((0..to_client).map(|offset| (Direction::ToClient, offset)));
    let conversations = places.enumerate().map(|(number, (direction, offset))| {
        let (server, runs) = (&server, &*runs);
        // Keys of one length, so that offsets mean the same in all conversations.
        let key = 1_000_010 + 10 * u64::try_from(number).expect("a small number");
        survive(server, runs, Fault { kind, direction, offset }, key)
    });
    let started = Instant::now();
    stream::iter(conversations).buffer_unordered(128).for_each(|()| async {}).await;
    println!("{kind:?} at {to_server} + {to_client} bytes: {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_at_any_byte_is_survived() {
    survive_at_every_byte(Kind::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_close_at_any_byte_is_survived() {
    survive_at_every_byte(Kind::HalfClose).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_at_any_byte_is_survived() {
    survive_at_every_byte(Kind::Delay(Duration::from_millis(20))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_from_any_byte_on_is_survived() {
    survive_at_every_byte(Kind::Stall).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupted_byte_is_survived_wherever_it_is() {
    survive_at_every_byte(Kind::Corrupt).await;
}

#[tokio::test]
async fn a_client_that_logs_in_to_a_full_server_comes_back_when_there_is_a_place() {
    let server = start(builder(methods![add]).password("secret").max_connections(1)).await;
    let first = Client::connect(format!("ws://{}", server.address())).password("secret").await.expect("connected");
    let (told, mut logins) = mpsc::unbounded_channel();
    let client = Client::connect(format!("ws://{}", server.address()))
        .reconnect_delay(Duration::from_millis(1)..=Duration::from_millis(5))
        .on_connect(move |client: Client| {
            let told = told.clone();
            async move {
                let login = client.call::<Value>("rpc.login", ["secret"]).await.map(drop);
                let _ = told.send(login.clone());
                login
            }
        })
        .await
        .expect("connected");
    // More often than wrong tokens are tried.
    for _ in 0..5 {
        let error = logins.recv().await.expect("a login").expect_err("the server is full");
        assert!(!error.is_unauthorized() && error.code() == Some(-32007), "{error}");
    }
    first.close().await;
    let sum = tokio::time::timeout(PATIENCE, add::call(&client, 2, 3).idempotent()).await;
    assert_eq!(sum.expect("the client is back").expect("the client lives"), 5);
}

/// What became of calls.
#[derive(Default, Debug)]
struct Counts {
    answered: AtomicU64,
    may_have_run: AtomicU64,
    not_sent: AtomicU64,
}

impl Counts {
    fn count(&self, result: &Result<u64, Error>) {
        let count = match result {
            Ok(_) => &self.answered,
            Err(error) if error.may_have_run() => &self.may_have_run,
            Err(_) => &self.not_sent,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_calls_over_two_hundred_reconnects_end_once_each() {
    const CALLS: u64 = 100_000;
    const CALLERS: u64 = 100;
    const CUTS: usize = 200;
    let runs = Arc::<Runs>::default();
    let server = serve(&runs).await;
    let proxy = Proxy::start(server.address(), None).await;
    let (reconnects, back) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, wake) = (Arc::clone(&reconnects), Arc::clone(&back));
    let client = Client::connect(proxy.url())
        .credentials(|| async { "secret" })
        .reconnect_delay(Duration::from_millis(1)..=Duration::from_millis(5))
        .on_reconnect(move |_: u32| {
            count.fetch_add(1, Ordering::Relaxed);
            wake.notify_one();
            async {}
        })
        .await
        .expect("connected");

    let (idempotent, once) = (Counts::default(), Counts::default());
    let (ended, progress) = (AtomicU64::new(0), Notify::new());
    let caller = async |number: u64| {
        for call in 0..CALLS / CALLERS {
            let key = number * CALLS + call;
            if call % 2 == 0 {
                let result = add::call(&client, key, 1).await;
                assert!(result.as_ref().is_ok_and(|sum| *sum == key + 1), "{result:?}");
                idempotent.count(&result);
            } else {
                let result = client.call("note", (key, key)).await;
                let ran = runs.of(key);
                match &result {
                    Ok(answer) => assert_eq!((*answer, ran), (key, 1)),
                    Err(error) => assert!(ran == 0 || (ran == 1 && error.may_have_run()), "{error}"),
                }
                once.count(&result);
            }
            ended.fetch_add(1, Ordering::Relaxed);
            progress.notify_one();
        }
    };
    let cutter = async {
        for cut in 1..=CUTS {
            // Some calls are answered between two cuts.
            let enough =
                u64::try_from(cut).expect("a small number") * (CALLS * 9 / 10) / u64::try_from(CUTS).expect("likewise");
            while ended.load(Ordering::Relaxed) < enough {
                progress.notified().await;
            }
            proxy.cut();
            while reconnects.load(Ordering::Relaxed) < cut {
                back.notified().await;
            }
        }
    };
    let started = Instant::now();
    let callers = join_all((0..CALLERS).map(caller));
    tokio::time::timeout(6 * PATIENCE, async { tokio::join!(callers, cutter) }).await.expect("no call hangs");
    println!("{CALLS} calls over {} reconnects in {:?}", reconnects.load(Ordering::Relaxed), started.elapsed());
    println!("idempotent: {idempotent:?}");
    println!("others: {once:?}");
    assert_eq!(reconnects.load(Ordering::Relaxed), CUTS);
    assert_eq!(ended.into_inner(), CALLS);
    assert_eq!(idempotent.answered.into_inner(), CALLS / 2);
    assert!(once.may_have_run.into_inner() > 0, "the cuts met calls in flight");
}

/// Which server it is.
struct Name(&'static str);

/// Tell the name of the server.
#[rpc]
async fn name(server: &Name) -> String {
    server.0.to_owned()
}

#[tokio::test]
async fn calls_that_are_made_while_a_server_stops_are_answered_by_the_next() {
    let gate = Arc::<Gate>::default();
    let servers = |called| builder(methods![name, wait]).open().state(Name(called)).state(Arc::clone(&gate));
    let first = start(servers("first")).await;
    let port = first.port();
    let client = Client::connect(format!("ws://{}", first.address()));
    let client = client.reconnect_delay(Duration::from_millis(1)..=Duration::from_millis(20)).await.expect("connected");
    let idle = Client::connect(format!("ws://{}", first.address())).reconnect(false).await.expect("connected");
    let waiting = tokio::spawn(client.call::<String>("wait", ()));
    gate.arrived.notified().await;
    let stopping = tokio::spawn(first.stop());
    // From here on the server takes no call.
    idle.closed().await;
    let mut late = Box::pin(client.call::<String>("name", ()).timeout(PATIENCE));
    assert!(poll!(&mut late).is_pending());
    // Answered behind it, by a server that takes nothing else.
    let cancelled = client.call::<bool>("rpc.cancel", json!({ "id": "none" })).await;
    assert!(!cancelled.expect("what is no call is taken"));
    assert!(poll!(&mut late).is_pending(), "it waits for the next server");
    gate.open.notify_one();
    assert_eq!(waiting.await.expect("no panic").expect("the server waits for it"), "through");
    stopping.await.expect("no panic").expect("stopped");
    let _second = start(servers("second").port(port)).await;
    assert_eq!(late.await.expect("the next server is there"), "second");
}

/// Let the client ask back.
#[rpc]
async fn ask(client: &Connection) -> Result<i64, ErrorObject> {
    client.call("asked", ()).await.map_err(ErrorObject::internal)
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_what_it_does_not_answer() {
    let gate = Arc::<Gate>::default();
    let server = start(builder(methods![name, ask]).open().state(Name("only")).shutdown_deadline(100 * PATIENCE)).await;
    let of_handler = Arc::clone(&gate);
    let asked = move |client: Client| {
        let gate = Arc::clone(&of_handler);
        async move {
            gate.arrived.notify_one();
            gate.open.notified().await;
            let refused =
                client.call::<String>("name", ()).timeout(100 * PATIENCE).await.expect_err("the server stops");
            refused.code().expect("the server says so")
        }
    };
    let client = Client::connect(format!("ws://{}", server.address())).on("asked", asked).await.expect("connected");
    let idle = Client::connect(format!("ws://{}", server.address())).reconnect(false).await.expect("connected");
    let outer = tokio::spawn(client.call::<i64>("ask", ()));
    gate.arrived.notified().await;
    let stopping = tokio::spawn(server.stop());
    // From here on the server takes no call.
    idle.closed().await;
    gate.open.notify_one();
    let answer = tokio::time::timeout(PATIENCE, outer).await.expect("nobody waits for the deadline").expect("no panic");
    assert_eq!(answer.expect("the server waits for it"), -32005);
    let stopped = tokio::time::timeout(PATIENCE, stopping).await.expect("nor does the server").expect("no panic");
    stopped.expect("stopped");
}
