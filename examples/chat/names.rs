//! The names of those who are there. No two have the same.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The names that are taken.
#[derive(Default)]
pub struct Names(Mutex<HashSet<String>>);

/// Says what is wrong with a name.
pub fn check(name: &str) -> Result<(), &'static str> {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name.chars().all(is_fit) && (2..=20).contains(&name.len()) {
        true => Ok(()),
        false => Err("a name is 2 to 20 of the characters a-z, 0-9 and `-`"),
    }
}

impl Names {
    /// Takes a name, if it is free.
    pub fn take(&self, name: &str) -> Result<(), String> {
        if self.lock().insert(name.to_owned()) { Ok(()) } else { Err(format!("the name `{name}` is taken")) }
    }

    /// Gives a name back.
    pub fn free(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
