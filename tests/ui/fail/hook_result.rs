use conduit::{Connection, on_client_connect, on_shutdown, on_startup};

struct NotDisplay;

#[on_startup]
async fn value() -> usize {
    1
}

#[on_shutdown]
fn error() -> Result<(), NotDisplay> {
    Ok(())
}

#[on_client_connect]
async fn not_send(_client: &Connection) {
    let shared = std::rc::Rc::new(1);
    std::future::ready(()).await;
    drop(shared);
}

fn main() {}
