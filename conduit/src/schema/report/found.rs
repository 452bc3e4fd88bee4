//! What was found to be wrong.

use jsonschema::ValidationError;
use serde::Serialize;

use super::{path::Path, wording::shortened};

/// Problems beyond this many are counted, not told.
const MAX_PROBLEMS: usize = 50;

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Problem {
    pub(crate) path: String,
    pub(crate) keyword: String,
    pub(crate) message: String,
    #[serde(skip)]
    pub(crate) depth: usize,
}

/// What was found: the first problems, and how many there are in all.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) problems: Vec<Problem>,
    pub(crate) total: usize,
}

impl Found {
    pub(crate) fn add(&mut self, at: &Path<'_>, keyword: &str, message: impl FnOnce() -> String) {
        self.total += 1;
        if self.problems.len() < MAX_PROBLEMS {
            let (path, depth, mut message) = (at.to_string(), at.depth(), message());
            if let Some(argument) = at.unnamed_argument()
                && (depth > 1 || keyword != "required")
            {
                message = format!("`{argument}`: {message}");
            }
            self.problems.push(Problem { path, keyword: keyword.to_owned(), message, depth });
        }
    }

    /// Adds what jsonschema found, which knows places from `at` on.
    pub(crate) fn add_foreign(&mut self, at: &Path<'_>, error: &ValidationError<'_>) {
        self.add(at, error.kind().keyword(), || shortened(&error.masked().to_string()).to_owned());
        if let Some(problem) = self.problems.last_mut().filter(|_| self.total <= MAX_PROBLEMS) {
            problem.path.push_str(error.instance_path().as_str());
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        let room = MAX_PROBLEMS - self.problems.len();
        self.problems.extend(other.problems.into_iter().take(room));
        self.total += other.total;
    }

    /// Leaves out what lies at or below one of `places`.
    pub(crate) fn without(mut self, places: &[String]) -> Self {
        let told = self.problems.len();
        let below = |path: &str, place: &String| {
            path.strip_prefix(&**place).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        self.problems.retain(|problem| !places.iter().any(|place| !place.is_empty() && below(&problem.path, place)));
        self.total -= told - self.problems.len();
        self
    }

    /// How many were found and are not told.
    pub(crate) fn untold(&self) -> usize {
        self.total - self.problems.len()
    }
}
