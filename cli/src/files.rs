//! Small texts that are handed to a command, in a file, a variable or an argument: keys, tokens, signatures, URLs. Editors,
//! shells and mail leave marks on them, which are taken off, or named where there is no telling what was meant.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use rollcall_signature::{InvalidKey, PublicKey};

use crate::out::say;
use crate::problem::Problem;

/// The most that is read, in bytes: twice the longest token.
const MOST: u64 = 16 * 1024;

/// A text, and what to call where it is from.
pub(crate) struct Text {
    name: String,
    text: String,
}

/// Reads a file, or standard input if it is `-`. `what` says what is to be in it.
///
/// # Errors
/// If it can't be read, or is no text.
pub(crate) fn read(file: &Path, what: &str) -> Result<Text, Problem> {
    if file == Path::new("-") {
        return decode("standard input".to_owned(), std::io::stdin().lock(), what);
    }
    let name = printable(file);
    let opened = File::open(file).map_err(|error| Problem::new(format!("{name} can't be opened: {error}")))?;
    decode(name, opened, what)
}

/// Reads what nobody else should know, and warns if others can read it.
///
/// # Errors
/// If it can't be read, or is no text.
pub(crate) fn read_secret(file: &Path, what: &str) -> Result<Text, Problem> {
    warn_if_readable(file, what);
    read(file, what)
}

/// Warns if others can read a file that holds a secret. A pipe has no others.
pub(crate) fn warn_if_readable(file: &Path, what: &str) {
    let Ok(found) = std::fs::metadata(file) else { return };
    let mode = found.mode() & 0o777;
    if file != Path::new("-") && found.is_file() && mode & 0o077 != 0 {
        let name = printable(file);
        say(&format!("warning: others can read {what} in {name} (mode {mode:o}): `chmod 600 {name}`"));
    }
}

/// A public key for Ed25519: what was given as `argument`, or what is in the file that it names.
///
/// # Errors
/// If neither is a public key.
pub(crate) fn public_key(argument: &str, given: &str) -> Result<PublicKey, Problem> {
    match PublicKey::read(given) {
        Ok(key) => return Ok(key),
        Err(InvalidKey::Form) => {}
        Err(error) => return Err(Problem::misuse(format!("{argument}: {error}"))),
    }
    let file = Path::new(given);
    let text = read(file, "a public key")?;
    PublicKey::read(tidy(text.as_str())).map_err(|error| Problem::new(format!("{}: {error}", text.name)))
}

fn printable(file: &Path) -> String {
    file.display().to_string().replace(char::is_control, "\u{fffd}")
}

fn decode(name: String, from: impl Read, what: &str) -> Result<Text, Problem> {
    let mut bytes = vec![];
    let read = from.take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Problem::new(format!("{name} can't be read: {error}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Problem::new(format!("{name} is too large: {what} has at most {MOST} bytes")));
    }
    if let Some(encoding) = wide(&bytes) {
        return Err(Problem::new(format!("{name} is {encoding}: save it as UTF-8")));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Problem::new(format!("{name} is not UTF-8, as {what} must be; is it binary?")))?;
    Ok(Text { name, text })
}

/// The encoding of a text whose characters have more bytes than one, by its byte order mark, or by its zeroes.
fn wide(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => bytes.contains(&0).then_some("UTF-16, or binary"),
    }
}

impl Text {
    /// One that was not in a file.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// All that is in it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// What is in it, if that is one word.
    ///
    /// # Errors
    /// If it is none, or several.
    pub(crate) fn word(&self, what: &str) -> Result<&str, Problem> {
        let Self { name, text } = self;
        let word = tidy(text);
        if word.is_empty() {
            return Err(Problem::new(format!("{name} is empty, and must have {what} in it")));
        }
        if let Some(mark) = word.chars().find(|c| c.is_whitespace() || c.is_control()) {
            let mark = match mark {
                '\n' | '\r' => "more than one line".to_owned(),
                mark if mark.is_whitespace() => "more than one word".to_owned(),
                mark => format!("the control character {}", mark.escape_unicode()),
            };
            return Err(Problem::new(format!("{name} has {mark} in it: {what} is one word")));
        }
        Ok(word)
    }

    /// The same, of base64 or a token: such a text may be broken into lines, which mean nothing.
    ///
    /// # Errors
    /// If it is none, or several.
    pub(crate) fn unbroken(&self, what: &str) -> Result<String, Problem> {
        let lines: Vec<_> = tidy(&self.text).lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let joined = lines.concat();
        let digits = joined.trim_end_matches('=');
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_.".contains(&byte);
        if lines.len() > 1 && digits.bytes().all(is_base64) {
            return Ok(joined);
        }
        self.word(what).map(str::to_owned)
    }
}

/// A text without a byte order mark, white space around it, and quotes around that.
pub(crate) fn tidy(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let unquoted = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    unquoted('"').or_else(|| unquoted('\'')).map_or(text, str::trim)
}

/// The bytes of base64, whether it is for URLs or not, padded or not, and however broken into lines.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits: String = tidy(text).chars().filter(|c| !c.is_whitespace()).collect();
    let digits = digits.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<Text, String> {
        decode("key.txt".to_owned(), bytes, "a key").map_err(|problem| problem.to_string())
    }

    fn word(bytes: &[u8]) -> Result<String, String> {
        decoded(bytes)?.word("a key").map(str::to_owned).map_err(|problem| problem.to_string())
    }

    fn unbroken(bytes: &[u8]) -> Result<String, String> {
        decoded(bytes)?.unbroken("a key").map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_editors_and_shells_leave_around_a_text_is_taken_off() {
        for text in
            ["abc", "abc\n", "abc\r\n", "\u{feff}abc\r\n", " abc\t\n\n", "\"abc\"", "'abc'\n", "\" abc \"", "\u{a0}abc"]
        {
            assert_eq!(word(text.as_bytes()).as_deref(), Ok("abc"), "{text:?}");
            assert_eq!(unbroken(text.as_bytes()).as_deref(), Ok("abc"), "{text:?}");
        }
        assert_eq!([tidy("\"abc"), tidy("'a\""), tidy("\"")], ["\"abc", "'a\"", "\""]);
    }

    #[test]
    fn what_is_not_utf_8_is_named() {
        let utf_16 = |to_bytes: fn(u16) -> [u8; 2], mark: &str| {
            format!("{mark}abc\n").encode_utf16().flat_map(to_bytes).collect::<Vec<_>>()
        };
        for mark in ["", "\u{feff}"] {
            for bytes in [utf_16(u16::to_le_bytes, mark), utf_16(u16::to_be_bytes, mark)] {
                let refused = word(&bytes).expect_err("UTF-16");
                assert!(refused.starts_with("key.txt is UTF-16") && refused.ends_with("save it as UTF-8"), "{refused}");
            }
        }
        assert_eq!(word(&[0xff, 0xfe, 0, 0, 97, 0, 0, 0]), Err("key.txt is UTF-32: save it as UTF-8".to_owned()));
        assert!(word(&[0x30, 0x81, 0xff]).expect_err("binary").contains("key.txt is not UTF-8, as a key must be"));
        assert!(word(&vec![b'a'; 16 * 1024 + 1]).expect_err("large").contains("too large"));
    }

    #[test]
    fn what_is_not_one_word_is_named_and_not_repeated() {
        for (text, reason) in [
            ("", "is empty"),
            ("\u{feff}\r\n", "is empty"),
            ("\"\"", "is empty"),
            ("hush hush", "more than one word"),
            ("hush\nhush", "more than one line"),
            ("hush\u{1b}hush", "the control character \\u{1b}"),
        ] {
            let refused = word(text.as_bytes()).expect_err(text);
            assert!(refused.contains(reason) && !refused.contains("hush"), "{text:?}: {refused}");
        }
    }

    #[test]
    fn base64_may_be_broken_into_lines_and_nothing_else_may() {
        assert_eq!(unbroken(b"YWJj\r\n  ZGVm\r\n\r\n+/==\r\n").as_deref(), Ok("YWJjZGVm+/=="));
        assert_eq!(unbroken(b"eyJh.\neyJz.\nc2ln").as_deref(), Ok("eyJh.eyJz.c2ln"));
        for text in ["untrusted comment: a\nYWJj", "YWJj ZGVm", "YW==\nYW==", "-----BEGIN KEY-----\nYWJj"] {
            assert!(unbroken(text.as_bytes()).is_err(), "{text:?}");
        }
        for text in ["-_8", "-_8=", "+/8=", "+/8", "+/\r\n8=\r\n", "\"-_8\"", "\u{feff}-_8\n"] {
            assert_eq!(base64(text), Some(vec![0xfb, 0xff]), "{text:?}");
        }
        assert_eq!(base64("{}"), None);
    }
}
