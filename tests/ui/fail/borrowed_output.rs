use conduit::rpc;

struct Config {
    title: String,
}

#[rpc]
async fn title(config: &Config) -> &str {
    &config.title
}

fn main() {}
