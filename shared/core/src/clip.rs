//! Text that somebody else chose, escaped and shortened for logs and messages.

use std::fmt;

/// How much of the text is shown, in bytes: enough to tell keys and nodes apart.
const SHOWN_BYTES: usize = 64;
/// Stands for the part of the text that is not shown.
const REST: char = '…';

/// Text that somebody else chose, as a log or a message shows it: quotes and control characters are escaped, and it
/// takes at most 64 bytes.
///
/// ```
/// # use rollcall_core::Clipped;
/// assert_eq!(Clipped("a\n\"b\"").to_string(), r#"a\n\"b\""#);
/// assert!(Clipped(&"k".repeat(10_000)).to_string().len() <= 64);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clipped<'a>(pub &'a str);

impl fmt::Display for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        // Where the text is cut if it turns out to be too long.
        let mut cut = 0;
        for character in self.0.chars() {
            if shown.len() + REST.len_utf8() <= SHOWN_BYTES {
                cut = shown.len();
            }
            shown.extend(character.escape_debug());
            if shown.len() > SHOWN_BYTES {
                shown.truncate(cut);
                shown.push(REST);
                break;
            }
        }
        f.write_str(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_fits_is_shown_whole_and_longer_text_ends_with_a_mark() {
        let whole = "k".repeat(SHOWN_BYTES);
        assert_eq!(Clipped(&whole).to_string(), whole);
        let clipped = Clipped(&format!("{whole}k")).to_string();
        assert_eq!(clipped, format!("{}…", "k".repeat(SHOWN_BYTES - 3)));
    }

    #[test]
    fn any_text_stays_short_and_on_one_line() {
        for character in ['\0', '\n', '\u{1b}', '"', '\\', '\u{202e}', 'é', '💥', '\u{feff}'] {
            for count in 0..200 {
                let shown = Clipped(&character.to_string().repeat(count)).to_string();
                assert!(shown.len() <= SHOWN_BYTES && !shown.contains(char::is_control), "{shown:?}");
            }
        }
    }
}
