//! `conduit call`: one call.

use crate::{
    args::Call,
    arguments::Arguments,
    failure::Result,
    output::Output,
    session::{Login, Session},
};

pub(crate) async fn run(args: Call, output: Output) -> Result {
    let session = Session::open(&args.server, Login::Optional).await?;
    session.check_name(&args.method, "method")?;
    let arguments = Arguments::read(&args.method, &args.arguments, session.api.params(&args.method))?;
    let result = session.call(&args.method, &arguments).await?;
    output.raw(&result)?;
    session.close().await;
    Ok(())
}
