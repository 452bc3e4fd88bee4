//! No name of the user's meets one of the expanded code's.

use conduit::{Client, rpc};

#[rpc]
async fn every(client: u8, params: u8, call: u8, output: u8, object: u8, r#type: u8, _under: u8) -> u8 {
    client + params + call + output + object + r#type + _under
}

#[rpc]
async fn r#match(#[serde(rename = "ref")] reference: u8) -> u8 {
    reference
}

#[allow(non_camel_case_types, dead_code)]
mod shadows {
    pub struct Result;
    pub struct Option;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Vec;
    pub struct String;
    pub struct Box;
    pub trait Clone {}
    pub trait Send {}
    pub trait Sized {}
    pub trait Default {}
    pub mod core {}
    pub mod std {}
    pub mod serde {}
    pub mod schemars {}
    pub mod conduit {}

    #[::conduit::rpc(timeout = "5s")]
    async fn shadowed(a: u8, #[arg(default = 3)] b: u8) -> u8 {
        a + b
    }

    #[::conduit::rpc]
    fn shadowed_too(server: &::conduit::Server, a: u8) -> ::std::result::Result<u8, ::conduit::ErrorObject> {
        let _ = server;
        ::std::result::Result::Ok(a)
    }

    pub struct Service;

    #[::conduit::rpc(namespace = "service")]
    impl Service {
        fn run(&self, client: u8, params: u8) -> u8 {
            client + params
        }
    }

    #[derive(::core::fmt::Debug, ::conduit::RpcError)]
    pub enum Error {
        #[rpc(code = 1)]
        One { object: u8, value: u8 },
        #[rpc(code = 2)]
        Two(u8),
        #[rpc(code = 3)]
        Three,
    }

    impl ::core::fmt::Display for Error {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            f.write_str("error")
        }
    }
}

fn main() {
    let _ = |client: &Client| drop(every::call(client, 1, 2, 3, 4, 5, 6, 7));
    let _ = |client: &Client| drop(r#match::call(client, 1));
}
