use conduit::rpc;

#[rpc]
async fn read() -> Result<String, std::io::Error> {
    std::fs::read_to_string("motd")
}

fn main() {}
