use conduit::on;

#[on]
async fn none() {}

#[on(public)]
async fn none_either() {}

#[on("")]
async fn empty() {}

#[on("rpc.login")]
async fn reserved() {}

#[on("chat", "shout", "chat")]
async fn twice() {}

#[on(5)]
async fn number() {}

#[on("chat" "shout")]
async fn comma() {}

#[on(chat)]
async fn word() {}

#[on(name = "chat")]
async fn option() {}

fn main() {}
