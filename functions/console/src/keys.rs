//! Reads the keys of the console from the configuration.

use rollcall_aws::{ConfigErrors, Lookup, Reader, variable};
use rollcall_service::console::Keys;

/// Reads the keys. The texts of the errors do not repeat them.
pub(crate) fn read(lookup: &impl Lookup) -> Result<Keys, ConfigErrors> {
    let mut reader = Reader::new(lookup);
    match reader.optional(variable::CONSOLE_AUTH).as_deref() {
        Some("iam") => return reader.finish(|| Some(Keys::Iam)),
        None | Some("keys") => {}
        Some(_) => reader.invalid(variable::CONSOLE_AUTH, "must be keys or iam".to_owned()),
    }
    let keys = Keys::hashed(&reader.required(variable::CONSOLE_KEYS));
    if keys.is_none() {
        let problem = "must be read: or write: and a SHA-256 in hexadecimal, with spaces between them".to_owned();
        reader.invalid(variable::CONSOLE_KEYS, problem);
    }
    reader.finish(|| keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, text: &str) -> Result<Keys, ConfigErrors> {
        let text = text.to_owned();
        read(&move |asked: &str| (asked == name).then(|| text.clone()))
    }

    #[test]
    fn an_invalid_key_is_reported_and_not_repeated() {
        let signed = format!("write:{}", "+f".repeat(32));
        for text in ["", "write:", "admin:00", "write:zz", "secret", &signed] {
            let error = of(variable::CONSOLE_KEYS, text).err().unwrap_or_else(|| panic!("{text:?} is taken"));
            let error = error.to_string();
            assert!(error.contains(variable::CONSOLE_KEYS) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn with_iam_no_keys_are_needed_and_another_way_is_refused() {
        assert!(matches!(of(variable::CONSOLE_AUTH, "iam"), Ok(Keys::Iam)));
        assert!(of(variable::CONSOLE_AUTH, "none").is_err());
    }
}
