//! `conduit listen`: events as they come.

use conduit::{Client, CloseCode, Disconnected};

use crate::{
    args::Listen,
    exit::Exit,
    failure::{Failure, Result},
    interrupts::Interrupts,
    news::{self, Inbox, News, ending},
    output::{self, Output},
    session::{Login, Session},
};

pub(crate) async fn run(args: Listen, output: Output, mut interrupts: Interrupts) -> Result {
    let (feed, inbox) = news::inbox();
    let open = Session::open_with(&args.server, Login::Needed, |connect| {
        let connect = feed.events(connect, &args.events);
        if args.no_reconnect { connect } else { feed.reconnecting(connect) }
    });
    let session = interrupts.guard(open).await?;
    args.events.iter().filter_map(|event| session.api.doubt(event)).for_each(|doubt| output.warn(doubt));
    if !output.json {
        output.inform(format!("listening to {}; Ctrl-C ends it", session.server.url));
    }
    let heard = hear(inbox, &session.client, args.count.unwrap_or(u64::MAX), output);
    let ended = tokio::select! {
        biased;
        () = interrupts.next() => Ok(()),
        result = heard => result,
        // What came before it is written.
        end = session.client.closed() => Err(lost(&end)),
    };
    session.close().await;
    ended
}

/// Writes so many events.
async fn hear(mut inbox: Inbox, client: &Client, count: u64, output: Output) -> Result {
    let mut written = 0;
    while written < count {
        match inbox.next().await {
            Some(News::Event(event)) => {
                output::line(&event.line(output))?;
                written += 1;
            }
            Some(News::Lost(end)) if !client.is_closed() => {
                output.warn(format!("{}; connecting again", ending(&end)));
            }
            // How the client ended is told when this is given up.
            Some(News::Lost(_) | News::Ended(_)) => {}
            Some(News::Back) => output.inform("connected again"),
            None => break,
        }
        if let Some(dropped) = inbox.dropped() {
            output.warn(dropped);
        }
    }
    Ok(())
}

fn lost(end: &Disconnected) -> Failure {
    let exit = if end.code == CloseCode::UNAUTHORIZED { Exit::Login } else { Exit::Closed };
    Failure::new(exit, ending(end))
}
