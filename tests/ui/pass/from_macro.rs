//! A method can come out of `macro_rules!`.

use conduit::{Client, rpc};

macro_rules! sums {
    ($name:ident, $number:ty, $default:expr) => {
        #[rpc]
        async fn $name(db: &$number, values: Vec<$number>, #[arg(default = $default)] first: $number) -> $number {
            db + first + values.into_iter().sum::<$number>()
        }
    };
}

sums!(integers, i64, 0);
sums!(floats, f64, 0.5);

fn main() {
    let _ = |client: &Client| drop(integers::call(client, vec![1], 2));
    let _ = |client: &Client| drop(floats::call(client, vec![1.0], 2.0));
}
