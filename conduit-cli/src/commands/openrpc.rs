//! `conduit openrpc`: the document that describes a server.

use crate::{
    args::Openrpc,
    failure::Result,
    output::Output,
    session::{Login, Session},
};

pub(crate) async fn run(args: Openrpc, output: Output) -> Result {
    let session = Session::open(&args.server, Login::Needed).await?;
    output.raw(session.document()?)?;
    session.close().await;
    Ok(())
}
