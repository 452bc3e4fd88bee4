use conduit::on;

#[on("chat")]
struct Chat {
    text: String,
}

struct Room;

#[on("chat")]
impl Room {
    async fn say(&self) {}
}

struct Hall;

impl Hall {
    #[on("chat")]
    async fn say(&self) {}
}

fn main() {}
