//! What a panic that was caught becomes.

use std::any::Any;

use crate::protocol::ErrorObject;

/// The error of a call that panicked: its caller reads "internal error", the log reads what the panic said.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> ErrorObject {
    ErrorObject::panicked(panic_text(panic))
}

/// What a panic says.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("with a value that is no text")
}
