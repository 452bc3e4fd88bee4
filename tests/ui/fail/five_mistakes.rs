use conduit::{Client, methods, rpc};

#[rpc(name = "rpc.add", publik)]
async fn add<T>(a: &str, (b, c): (i64, i64)) -> i64 {
    let _ = a;
    b + c
}

fn main() {
    // Neither of these is an error of its own.
    let _ = methods![add];
    let _ = |client: &Client| {
        let _call = add::call(client, "1", (2, 3));
    };
}
