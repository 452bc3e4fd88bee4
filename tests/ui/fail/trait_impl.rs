use conduit::rpc;

struct Chat;

trait Say {
    fn say(&self) -> String;
}

#[rpc(namespace = "chat")]
impl Say for Chat {
    fn say(&self) -> String {
        String::new()
    }
}

fn main() {}
