//! `conduit openrpc`: the document that describes a server.

use serde_json::value::RawValue;

use crate::{
    args::Openrpc,
    failure::Result,
    output::Output,
    session::{Login, Session},
};

pub(crate) async fn run(args: Openrpc, output: Output) -> Result {
    let session = Session::open(&args.server, Login::Needed).await?;
    session.check_known()?;
    // As it came, to the last digit.
    let document = session.client.call::<Box<RawValue>>("rpc.discover", ()).await?;
    output.raw(&document)?;
    session.close().await;
    Ok(())
}
