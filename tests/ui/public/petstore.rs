//! The petstores of OpenRPC's examples: a server that is written by them, and clients that are made of them.

use std::sync::Mutex;

use conduit::{Client, RpcError, RunningServer, Server, rpc};
use schemars::JsonSchema;
use serde::Serialize;

mod petstore {
    conduit::import!("import/petstore-openrpc.json");
}

mod by_name {
    conduit::import!("import/params-by-name-petstore-openrpc.json");
}

mod expanded {
    conduit::import!("import/petstore-expanded-openrpc.json");
}

mod math {
    conduit::import!("import/simple-math-openrpc.json");
}

#[derive(Clone, Serialize, JsonSchema)]
struct Pet {
    id: u64,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

#[derive(Default)]
struct Store(Mutex<Vec<Pet>>);

impl Store {
    fn add(&self, name: String, tag: Option<String>) -> Pet {
        let mut pets = self.0.lock().unwrap();
        let pet = Pet { id: pets.len() as u64, name, tag };
        pets.push(pet.clone());
        pet
    }

    fn find(&self, id: u64) -> Option<Pet> {
        self.0.lock().unwrap().get(id as usize).cloned()
    }
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("pets busy")]
#[rpc(code = 100)]
struct Busy;

#[rpc]
async fn list_pets(store: &Store, limit: Option<usize>) -> Result<Vec<Pet>, Busy> {
    match limit {
        Some(100) => Err(Busy),
        limit => Ok(store.0.lock().unwrap().iter().take(limit.unwrap_or(usize::MAX)).cloned().collect()),
    }
}

mod plain {
    use super::*;

    #[rpc]
    async fn create_pet(
        store: &Store,
        #[serde(rename = "newPetName")] name: String,
        #[serde(rename = "newPetTag")] tag: Option<String>,
    ) -> u64 {
        store.add(name, tag).id
    }

    #[rpc]
    async fn get_pet(store: &Store, #[serde(rename = "petId")] id: u64) -> Option<Pet> {
        store.find(id)
    }

    pub(super) async fn serve() -> RunningServer {
        super::serve(conduit::methods![list_pets, create_pet, get_pet]).await
    }
}

mod named {
    use super::*;

    /// Answers with a list, and takes the number as a text: that document says so.
    #[rpc]
    async fn get_pet(call: &conduit::Call, store: &Store, #[serde(rename = "petId")] id: String) -> Vec<Pet> {
        assert_eq!(call.method(), "get_pet");
        store.find(id.parse().unwrap()).into_iter().collect()
    }

    pub(super) async fn serve() -> RunningServer {
        super::serve(conduit::methods![list_pets, get_pet]).await
    }
}

mod more {
    use super::*;

    #[derive(serde::Deserialize, Serialize, JsonSchema)]
    struct NewPet {
        name: String,
        tag: Option<String>,
    }

    #[rpc]
    async fn create_pet(store: &Store, #[serde(rename = "newPet")] pet: NewPet) -> Pet {
        store.add(pet.name, pet.tag)
    }

    #[rpc]
    async fn addition(a: i64, b: i64) -> i64 {
        a + b
    }

    pub(super) async fn serve() -> RunningServer {
        super::serve(conduit::methods![create_pet, addition]).await
    }
}

async fn serve(methods: Vec<conduit::MethodDescriptor>) -> RunningServer {
    let server = Server::builder().host("127.0.0.1").port(0).open().explicit().methods(methods);
    server.state(Store::default()).build().unwrap().start().await.unwrap()
}

async fn connect(server: &RunningServer) -> Client {
    Client::connect(format!("ws://{}", server.address())).await.unwrap()
}

async fn plain() {
    let server = plain::serve().await;
    let client = connect(&server).await;
    let fluffy = petstore::create_pet::call(&client, "fluffy".into(), Some("poodle".into())).await.unwrap();
    let rex = petstore::create_pet::call(&client, "rex".into(), None).await.unwrap();
    let pet = petstore::get_pet::call(&client, fluffy).await.unwrap();
    assert_eq!(pet, petstore::Pet { id: fluffy, name: "fluffy".into(), tag: Some("poodle".into()) });
    let pets: petstore::Pets = petstore::list_pets::call(&client, None).await.unwrap();
    assert_eq!(pets.iter().map(|pet| pet.id).collect::<Vec<_>>(), [fluffy, rex]);
    assert_eq!(petstore::list_pets::call(&client, Some(1)).await.unwrap(), [pet]);
    let error = petstore::list_pets::call(&client, Some(100)).await.unwrap_err();
    assert_eq!(error.decode(), Some(petstore::list_pets::Error::PetsBusy));
}

async fn by_name() {
    let server = named::serve().await;
    let client = connect(&server).await;
    assert_eq!(by_name::list_pets::call(&client, Some(5)).await.unwrap(), []);
    assert_eq!(by_name::get_pet::call(&client, "7".into()).await.unwrap(), []);
    let sent = serde_json::to_value(by_name::get_pet::Params { pet_id: "7".into() }).unwrap();
    assert_eq!(sent, serde_json::json!(["7"]));
}

async fn more() {
    let server = more::serve().await;
    let client = connect(&server).await;
    let new = expanded::NewPet { name: "rex".into(), tag: None };
    let pet = expanded::create_pet::call(&client, Some(new)).await.unwrap();
    assert_eq!(pet, expanded::Pet { name: "rex".into(), tag: None, id: 0 });
    assert_eq!(math::addition::call(&client, Some(2), Some(3)).await.unwrap(), 5);
    assert_eq!(math::addition::call(&client, Some(2), None).await.unwrap_err().code(), Some(-32602));
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    plain().await;
    by_name().await;
    more().await;
}
