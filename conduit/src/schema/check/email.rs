//! Addresses that need no second look.
//!
//! Whether a string is an email address is jsonschema's to say, which takes 110 ns, a third of what the whole call
//! takes without checks.
//! Nearly all addresses are of a form about which there is no question.

/// Whether this is an address of letters, digits and a few signs, at a domain of plain labels.
///
/// False says nothing.
pub(crate) fn is_plain(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    is_plain_local(local.as_bytes()) && is_plain_domain(domain.as_bytes())
}

/// Atoms between dots.
fn is_plain_local(local: &[u8]) -> bool {
    let mut before = b'.';
    for &byte in local {
        match byte {
            b'.' if before == b'.' => return false,
            b'.' | b'_' | b'-' | b'+' => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        before = byte;
    }
    before != b'.' && local.len() <= 64
}

/// Labels begin and end with a letter or digit, the last one (which must not look like a number) begins with a letter;
/// one with two hyphens may be of an encoding that has to be decoded first.
fn is_plain_domain(domain: &[u8]) -> bool {
    let mut before = b'.';
    let mut label = 0;
    for (at, &byte) in domain.iter().enumerate() {
        match byte {
            b'.' if before.is_ascii_alphanumeric() && at - label <= 63 => label = at + 1,
            b'-' if before.is_ascii_alphanumeric() => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        before = byte;
    }
    let last = &domain[label..];
    before.is_ascii_alphanumeric()
        && label > 0
        && last.len() <= 63
        && last[0].is_ascii_alphabetic()
        && domain.len() <= 200
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::leaf;

    fn is_valid(address: &str) -> bool {
        thread_local!(static EMAIL: jsonschema::Validator = leaf::validator(&json!({"format": "email"})).unwrap());
        EMAIL.with(|email| email.is_valid(&json!(address)))
    }

    #[test]
    fn common_addresses_are_plain() {
        for address in ["a@b.de", "ada.lovelace+news@mail.example.org", "X_1-2@sub-domain.3com.io"] {
            assert!(is_plain(address) && is_valid(address), "{address}");
        }
        for address in [
            "",
            "@",
            "a@",
            "@b.de",
            "a@b",
            "a@b.",
            "a@.b.de",
            "a@b.1",
            "a..b@c.de",
            ".a@b.de",
            "a.@b.de",
            "a@b..de",
            "a@-b.de",
            "a@b-.de",
            "a@b--c.de",
            "a@b.de-",
            "a b@c.de",
            "a@b@c.de",
        ] {
            assert!(!is_plain(address), "{address}");
        }
    }

    #[test]
    fn labels_atoms_and_domains_are_only_so_long() {
        let address = |local: usize, label: usize, labels: usize| {
            format!("{}@{}org", "a".repeat(local), format!("{}.", "b".repeat(label)).repeat(labels))
        };
        for (local, label, labels) in [(64, 63, 1), (1, 49, 3), (64, 48, 4)] {
            let address = address(local, label, labels);
            assert!(is_plain(&address) && is_valid(&address), "{address}");
        }
        for (local, label, labels) in [(65, 3, 1), (1, 64, 1), (1, 49, 4)] {
            assert!(!is_plain(&address(local, label, labels)));
        }
        assert!(!is_plain(&format!("a@b.{}", "c".repeat(64))));
    }

    #[test]
    fn what_is_plain_is_valid() {
        proptest::proptest!(|(address in "[a-zA-Z0-9_.+-]{0,6}@[a-z0-9.-]{0,9}")| {
            proptest::prop_assert!(!is_plain(&address) || is_valid(&address));
        });
    }
}
