use conduit::{on_client_connect, on_startup, rpc};

#[on_startup]
struct NotAFunction;

#[on_startup]
#[conduit::on_shutdown]
async fn two() {}

#[rpc]
#[on_startup]
async fn method_and_hook() {}

#[on_startup(public)]
async fn generic<T>(_state: &T) {}

struct Chat;

#[rpc]
impl Chat {
    async fn say(&self) {}

    #[on_client_connect]
    async fn welcome(&self) {}
}

struct Plain;

impl Plain {
    #[on_client_connect]
    async fn welcome(&self) {}
}

async fn plain() {}

fn main() {
    let _ = conduit::hooks![plain];
}
