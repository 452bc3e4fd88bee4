//! `Self` stands for the service in arguments, results and defaults.

use conduit::{Client, Service, rpc};

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Point {
    x: i64,
}

impl Point {
    const ORIGIN: Self = Self { x: 0 };
}

#[rpc(namespace = "point")]
impl Point {
    const STEP: i64 = 2;

    fn new() -> Self {
        Self::ORIGIN
    }

    async fn add(&self, #[arg(default = Self::ORIGIN)] other: Self) -> Self {
        Self { x: self.x + other.x }
    }

    async fn step(self: &Self, #[arg(default = Self::STEP)] by: i64, others: Vec<Self>) -> Result<Self, conduit::ErrorObject> {
        let _ = others;
        Ok(Self { x: self.x + by })
    }

    #[rpc(skip)]
    fn helper<T>(&self, value: T) -> T {
        value
    }
}

fn main() {
    let names: Vec<_> = Point::METHODS.iter().map(|method| method.meta().name).collect();
    assert_eq!(names, ["point.add", "point.step"]);
    let _ = Point::new().helper(1);
    let _ = |client: &Client| drop(PointClient::new(client).add(Point::ORIGIN));
}
