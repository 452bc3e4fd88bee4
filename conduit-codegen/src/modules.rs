//! The modules that methods stand in: `user.create` is `user::create`.

use crate::names::{Scope, snake};

/// A module among the [`Modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModuleId(usize);

/// The module that the items of the document as a whole stand in.
pub(crate) const ROOT: ModuleId = ModuleId(0);

/// All modules, from the root.
#[derive(Debug)]
pub(crate) struct Modules(Vec<Module>);

#[derive(Debug)]
struct Module {
    name: String,
    parent: ModuleId,
    /// By the part of a method's name that they stand for.
    children: Vec<(String, ModuleId)>,
    scope: Scope,
}

impl Modules {
    pub(crate) fn new() -> Self {
        let root = Module { name: String::new(), parent: ROOT, children: Vec::new(), scope: Scope::of_module() };
        Self(vec![root])
    }

    /// The module of a method.
    pub(crate) fn of_method(&mut self, name: &str) -> ModuleId {
        let parts = name.split(['.', '/', ':']).filter(|part| !part.is_empty());
        let module = parts.fold(ROOT, |module, part| self.child(module, part));
        // A name of nothing but dots has no parts.
        let module = if module == ROOT { self.child(ROOT, name) } else { module };
        self.0[module.0].scope.reserve(&["Params", "NAME", "C", "S"]);
        module
    }

    fn child(&mut self, parent: ModuleId, part: &str) -> ModuleId {
        let there = self.0[parent.0].children.iter().find(|(other, _)| other == part);
        if let Some((_, there)) = there {
            return *there;
        }
        let name = self.give(parent, &snake(part));
        let id = ModuleId(self.0.len());
        self.0[parent.0].children.push((part.to_owned(), id));
        self.0.push(Module { name, parent, children: Vec::new(), scope: Scope::of_module() });
        id
    }

    /// A name that nothing else has in this module.
    pub(crate) fn give(&mut self, module: ModuleId, name: &str) -> String {
        self.0[module.0].scope.give(name)
    }

    pub(crate) fn is_free(&self, module: ModuleId, name: &str) -> bool {
        self.0[module.0].scope.is_free(name)
    }

    pub(crate) fn name(&self, module: ModuleId) -> &str {
        &self.0[module.0].name
    }

    pub(crate) fn children(&self, module: ModuleId) -> impl Iterator<Item = ModuleId> {
        self.0[module.0].children.iter().map(|(_, child)| *child)
    }

    /// The module itself, and those that it is in, up to the root.
    fn ancestors(&self, module: ModuleId) -> Vec<ModuleId> {
        let up = |id: &ModuleId| (*id != ROOT).then(|| self.0[id.0].parent);
        std::iter::successors(Some(module), up).collect()
    }

    /// The innermost module that all of `modules` are in.
    pub(crate) fn common(&self, modules: &[ModuleId]) -> ModuleId {
        let chains: Vec<Vec<ModuleId>> = modules.iter().map(|module| self.ancestors(*module)).collect();
        let Some((first, others)) = chains.split_first() else { return ROOT };
        // A module of a method is its own: what is shared stands outside.
        let shared = first.iter().skip(1).find(|candidate| others.iter().all(|chain| chain[1..].contains(candidate)));
        shared.copied().unwrap_or(ROOT)
    }

    /// How `to` is named from inside `from`: so many times `super`, then these modules.
    pub(crate) fn path(&self, from: ModuleId, to: ModuleId) -> (usize, Vec<&str>) {
        let (from, to) = (self.ancestors(from), self.ancestors(to));
        let up = from.iter().position(|module| to.contains(module)).unwrap_or(from.len() - 1);
        let down = to.iter().take_while(|module| **module != from[up]).map(|module| self.name(*module));
        let mut down: Vec<&str> = down.collect();
        down.reverse();
        (up, down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_name_are_modules() {
        let mut modules = Modules::new();
        let [create, user, get] = ["user.create", "user", "user/get"].map(|name| modules.of_method(name));
        let ping = modules.of_method("ping");
        assert_eq!([create, user, get, ping].map(|id| modules.name(id)), ["create", "user", "get", "ping"]);
        assert_eq!(modules.path(create, ROOT), (2, vec![]));
        assert_eq!(modules.path(create, get), (1, vec!["get"]));
        assert_eq!(modules.path(ping, ping), (0, vec![]));
        assert_eq!(modules.common(&[create, get]), user);
        assert_eq!(modules.common(&[create, ping]), ROOT);
        assert_eq!(modules.common(&[create, user]), ROOT);
    }

    #[test]
    fn names_that_differ_on_the_wire_differ_here() {
        let mut modules = Modules::new();
        let given = ["getUser", "get_user", "get-user", "..", "str"].map(|name| modules.of_method(name));
        let names = given.map(|id| modules.name(id).to_owned());
        assert_eq!(names, ["get_user", "get_user_2", "get_user_3", "unnamed", "str_2"]);
    }
}
