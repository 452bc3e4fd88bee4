//! The client side: the same functions, called over the wire.

use conduit::Client;
use serde_json::json;

use crate::methods::{Page, Role, UserError, create, delete, find, list, rename};

pub async fn run(url: &str, token: Option<&str>) -> conduit::Result<()> {
    let client = match token {
        Some(token) => Client::connect(url).password(token).await?,
        None => Client::connect(url).await?,
    };

    for method in client.listall().await? {
        println!("{method}");
    }

    let name = format!("ada{}", std::process::id());
    let ada = create::call(&client, name.clone(), "ada@example.org".into(), 36, true, Role::Admin, None).await?;
    println!("\ncreated: {ada:?}");
    let ada = rename::call(&client, ada.id, format!("{name}_l")).await?;
    println!("renamed: {}", ada.username);
    println!("listed:  {} users", list::call(&client, Page { after: 0, limit: 10 }).await?.len());

    // A bad call is refused before the function runs, and every fault is told at once.
    let bad = json!({"username": "x", "email": "nobody", "age": 200});
    if let Err(error) = client.call::<serde_json::Value>("user.create", bad).await {
        println!("refused: {error:?}");
    }

    delete::call(&client, ada.id).await?;
    // The error comes back as the enum that the function returned.
    match find::call(&client, ada.id).await {
        Err(error) => match error.decode::<UserError>() {
            Some(UserError::NotFound { id }) => println!("gone:    {id}"),
            _ => return Err(error),
        },
        Ok(user) => println!("still there: {user:?}"),
    }
    client.close().await;
    Ok(())
}
