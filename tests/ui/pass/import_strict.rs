//! What is imported keeps to the lints of a strict crate, and to its edition's names, under another name of conduit.
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations, dead_code, non_snake_case)]
#![deny(clippy::pedantic)]

mod framework {
    pub(crate) use conduit::*;
}

/// The service.
pub mod api {
    conduit::import!("import/users.json", crate = crate::framework);
}

mod private {
    conduit::import!("import/users.json",);
}

fn main() {
    let _ = private::user::get::NAME;
}
