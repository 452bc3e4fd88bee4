//! What a setting may be.

use std::{fmt::Debug, ops::RangeInclusive, time::Duration};

/// The shortest time: the clock of a runtime counts milliseconds.
pub(crate) const MIN_TIME: Duration = Duration::from_millis(1);

/// Says of a value that it is not in the range, if it is not.
pub(crate) fn outside<T: PartialOrd + Debug>(key: &str, value: &T, range: &RangeInclusive<T>) -> Option<String> {
    let (least, most) = (range.start(), range.end());
    let wanted = match range.contains(value) {
        true => return None,
        false if value < least => format!("be at least {least:?}"),
        false => format!("not be over {most:?}"),
    };
    Some(format!("`{key}` is {value:?}: it must {wanted}"))
}
