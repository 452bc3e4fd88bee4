//! `conduit generate`: code that calls a server, made from its document.

use std::path::Path;

use crate::{
    args::{Generate, Language, Server},
    arguments::{read_file, read_stdin},
    exit::Exit,
    failure::{Failure, Result},
    faults::{Faults, Mark},
    output, place,
    session::{Login, Session},
};

pub(crate) async fn run(args: Generate) -> Result {
    let document = match args.source.as_str() {
        "-" => Document { origin: "<stdin>".into(), text: read_stdin()? },
        file if Path::new(file).exists() || file.ends_with(".json") => {
            Document { origin: file.into(), text: read_file(file)? }
        }
        _ => of_server(&args).await?,
    };
    let source = match args.language {
        Language::Rust => conduit_codegen::source(&document.text),
    };
    output::text(&source.map_err(|error| document.failure(&error))?)
}

/// An OpenRPC document, and where it is from.
struct Document {
    origin: String,
    text: String,
}

async fn of_server(args: &Generate) -> Result<Document> {
    let url = args
        .source
        .parse()
        .map_err(|why| Failure::usage(format!("`{}` is neither a file nor a URL: {why}", args.source)))?;
    let server = Server { url, connection: args.connection.clone() };
    let session = Session::open(&server, Login::Needed).await?;
    let document = Document { origin: session.server.url.to_string(), text: session.document()?.get().to_owned() };
    session.close().await;
    Ok(document)
}

impl Document {
    /// Why it makes no code, at the place in it where that is known.
    fn failure(&self, error: &conduit_codegen::Error) -> Failure {
        let failure = Failure::new(Exit::Usage, format!("no code can be made of {}: {error}", self.origin));
        let Some(place) = error.pointer().and_then(|pointer| place::locate(&self.text, pointer)) else {
            return failure;
        };
        let mark = Mark { place, message: "here".into() };
        failure.faults(Faults { source: self.text.clone(), origin: Some(self.origin.clone()), marks: vec![mark] })
    }
}
