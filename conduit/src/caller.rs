//! Who can make a typed call.

use std::{rc::Rc, sync::Arc};

use serde::Serialize;

use crate::method::MethodMeta;

/// Who can call a method that answers with a `T`: what the typed call of an [`#[rpc]`](macro@crate::rpc) function takes.
///
/// | caller | what `add::call(&caller, 2, 3)` gives |
/// |---|---|
/// | [`Client`](crate::Client) | a [`PendingCall`](crate::PendingCall): await it |
/// | [`Connection`](crate::Connection), which is the server calling its client | a [`PendingCall`](crate::PendingCall) too |
/// | [`blocking::Client`](crate::blocking::Client) | the answer, as a `Result` |
///
/// A program's tests may implement it for a type of their own, which answers as they like.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't call a method that answers with `{T}`",
    note = "a method is called by a `conduit::Client`, or by a `conduit::Connection`, which calls the client at its other end"
)]
pub trait Caller<T> {
    /// What a call gives: the answer, or what leads to it.
    type Call;

    /// Calls the method. `params` serialise to an object, the arguments by name.
    fn call_method(&self, method: &'static MethodMeta, params: &impl Serialize) -> Self::Call;
}

/// A reference calls as what it refers to does.
macro_rules! pointer {
    ($($pointer:ty),*) => {
        $(
            impl<T, C: Caller<T> + ?Sized> Caller<T> for $pointer {
                type Call = C::Call;

                fn call_method(&self, method: &'static MethodMeta, params: &impl Serialize) -> C::Call {
                    (**self).call_method(method, params)
                }
            }
        )*
    };
}

pointer!(&C, Arc<C>, Rc<C>, Box<C>);

#[cfg(feature = "client")]
impl<T> Caller<T> for crate::Client {
    type Call = crate::PendingCall<T>;

    fn call_method(&self, method: &'static MethodMeta, params: &impl Serialize) -> Self::Call {
        let call = self.call(method.name, params);
        if method.idempotent { call.idempotent() } else { call }
    }
}

#[cfg(feature = "server")]
impl<T: serde::de::DeserializeOwned> Caller<T> for crate::Connection {
    type Call = crate::PendingCall<T>;

    fn call_method(&self, method: &'static MethodMeta, params: &impl Serialize) -> Self::Call {
        self.call(method.name, params)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rpc;

    /// Answers with what it was asked.
    #[derive(Clone)]
    struct Mirror;

    impl Caller<Value> for Mirror {
        type Call = Value;

        fn call_method(&self, method: &'static MethodMeta, params: &impl Serialize) -> Value {
            json!({ "method": method.name, "params": params })
        }
    }

    #[rpc]
    async fn find(title: String, limit: u8) -> Value {
        json!([title, limit])
    }

    struct Library;

    #[rpc(namespace = "library")]
    impl Library {
        async fn lend(&self, title: String) -> Value {
            json!(title)
        }
    }

    #[test]
    fn whoever_is_a_caller_makes_typed_calls() {
        let found = json!({ "method": "find", "params": { "title": "Emma", "limit": 2 } });
        assert_eq!(find::call(&Mirror, "Emma".into(), 2), found);
        assert_eq!(find::call(&Arc::new(&Mirror), "Emma".into(), 2), found);
        let lent = json!({ "method": "library.lend", "params": { "title": "Emma" } });
        assert_eq!(LibraryClient::new(&Mirror).lend("Emma".into()), lent);
    }
}
