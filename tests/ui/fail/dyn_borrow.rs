use conduit::rpc;

trait Mailer: Send + Sync {
    fn send(&self);
}

#[rpc]
async fn mail(mailer: &dyn Mailer) {
    mailer.send();
}

fn main() {}
