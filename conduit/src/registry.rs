//! The methods of a server by name, and what can be wrong with them before the first call.

use std::{any::TypeId, collections::HashMap};

use serde_json::Value;

use crate::{
    method::MethodDescriptor,
    protocol::{ErrorCode, ErrorObject},
    rpc_error::ErrorDescription,
    schema::Arguments,
};

/// Name -> method.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    methods: HashMap<&'static str, Registered>,
}

/// A method with its schemas made and its validator compiled.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) descriptor: MethodDescriptor,
    pub(crate) arguments: Arguments,
    pub(crate) params: Value,
    pub(crate) output: Value,
    pub(crate) errors: Vec<ErrorDescription>,
}

impl Registry {
    /// Takes all methods of a server in.
    ///
    /// # Errors
    /// Everything that is wrong, one sentence each.
    pub(crate) fn new(
        methods: impl IntoIterator<Item = MethodDescriptor>,
        has_state: impl Fn(TypeId) -> bool,
    ) -> Result<Self, Vec<String>> {
        let mut registry = Self::default();
        let mut faults = Vec::new();
        for descriptor in methods {
            registry.add(descriptor, &has_state, &mut faults);
        }
        if faults.is_empty() { Ok(registry) } else { Err(faults) }
    }

    fn add(&mut self, descriptor: MethodDescriptor, has_state: impl Fn(TypeId) -> bool, faults: &mut Vec<String>) {
        let meta = descriptor.meta;
        if let Some(other) = self.methods.get(meta.name) {
            let (here, there) = (meta.location, other.descriptor.meta.location);
            // One function given twice (linked in, and by hand) is one method.
            if here != there {
                faults.push(format!("two methods are called `{}`: {there} and {here}", meta.name));
            }
            return;
        }
        for borrow in meta.borrows.iter().filter(|borrow| !has_state(borrow.type_id())) {
            faults.push(format!(
                "method `{}` ({}) borrows `&{}`, and the server has no such state: give it with `.state(..)`",
                meta.name,
                meta.location,
                borrow.type_name()
            ));
        }
        if (descriptor.output_name)().starts_with("core::result::Result<") {
            faults.push(format!(
                "method `{}` ({}) returns a `Result` under another name: call the alias `Result`, or its error would \
                 be sent as a success",
                meta.name, meta.location
            ));
        }
        match Registered::new(descriptor) {
            Ok(method) => drop(self.methods.insert(meta.name, method)),
            Err(why) => faults.push(format!("the schema of method `{}` ({}): {why}", meta.name, meta.location)),
        }
    }

    /// The method that a request names.
    pub(crate) fn find(&self, name: &str) -> Result<&Registered, ErrorObject> {
        self.methods.get(name).ok_or_else(|| self.not_found(name))
    }

    /// All methods, by name.
    pub(crate) fn sorted(&self) -> Vec<&Registered> {
        let mut methods: Vec<_> = self.methods.values().collect();
        methods.sort_unstable_by_key(|method| method.descriptor.meta.name);
        methods
    }

    #[cold]
    fn not_found(&self, name: &str) -> ErrorObject {
        let shown: String = name.chars().take(100).collect();
        let message = format!("method `{shown}` not found; `listall` lists what there is");
        ErrorObject::with_code(ErrorCode::MethodNotFound, message)
    }
}

impl Registered {
    fn new(descriptor: MethodDescriptor) -> Result<Self, String> {
        let params = (descriptor.params)();
        let arguments = Arguments::compile(&params)?;
        let (output, errors) = ((descriptor.output)(), (descriptor.errors)());
        Ok(Self { descriptor, arguments, params, output, errors })
    }

    /// Whether it is one of the calls about calls and connections, which no limit on calls may keep out.
    pub(crate) fn is_control(&self) -> bool {
        matches!(self.descriptor.meta.name, "rpc.cancel" | "rpc.login")
    }
}
