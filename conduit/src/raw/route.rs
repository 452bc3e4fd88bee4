//! A path and what handles its messages.

use std::{collections::HashSet, fmt};

use super::{Connection, Message};
use crate::hook_result::Erased;

/// A raw route of a server.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) handler: Handler,
}

/// What handles the messages of a route; its output is the text of its failure, if it failed.
pub(crate) type Handler = Erased<(Connection, Message)>;

impl Route {
    /// Everything about the routes that can't work, one sentence each.
    pub(crate) fn faults(routes: &[Self]) -> Vec<String> {
        let mut seen = HashSet::new();
        let twice = routes.iter().filter(|route| !seen.insert(&route.path));
        let twice = twice.map(|route| format!("the raw route `{}` is given twice", route.path));
        let wrong = routes.iter().filter_map(|route| {
            let why = wrong_with(&route.path)?;
            Some(format!("the raw route `{}` can't be served: {why}", route.path))
        });
        wrong.chain(twice).collect()
    }
}

fn wrong_with(path: &str) -> Option<&'static str> {
    if path == "/" {
        return Some("JSON-RPC is served at `/`; choose another path such as `/echo`");
    }
    let Some(segments) = path.strip_prefix('/') else {
        return Some("a path starts with `/`");
    };
    // Routers give a meaning to braces, and to a colon or an asterisk at the start of a segment.
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=@:%/".contains(&byte);
    if !path.bytes().all(may_stand) || segments.split('/').any(|segment| segment.starts_with(':')) {
        return Some("a path is made of letters, digits, `/` and `-._~!$&'()+,;=@%`, and is taken as it stands");
    }
    None
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("path", &self.path).finish_non_exhaustive()
    }
}
