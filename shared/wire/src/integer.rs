//! Whole numbers, as JSON may write them: `1`, `1.0` and `1e0` are the same number (RFC 8259, section 6).
//!
//! Use it for fields with `#[serde(deserialize_with = "rollcall_wire::integer::required")]`. A number with a fraction
//! or an exponent is then exact if it has at most 15 digits, since `serde_json` rounds longer ones.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::fields::Taken;

/// The largest number that is accepted with a fraction or an exponent. Up to here, an `f64` holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a whole number.
///
/// # Errors
/// If the value is no whole number, or does not fit the type.
pub fn required<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Whole(PhantomData))
}

/// Reads a whole number, or `None` if the value is `null`. The field also needs `#[serde(default)]` if it may be left
/// out.
///
/// # Errors
/// If the value is neither `null` nor a whole number, or does not fit the type.
pub fn optional<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_option(WholeOrNull(PhantomData))
}

/// The whole number in this text of a JSON number; `None` if it is no whole number from 0 to 2^64 - 1.
pub(crate) fn whole(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| text.parse().ok().and_then(exactly))
}

/// The number in this text of a JSON value, rounded to a whole one and clipped to `most`. A number below 0 is dropped:
/// a node that counts something and reports -1 does not know it.
pub(crate) fn figure(text: &str, most: u64) -> Taken<u64> {
    let at_most = |value: u64| if value > most { Taken::Changed(most) } else { Taken::Whole(value) };
    if let Ok(value) = text.parse() {
        return at_most(value);
    }
    // Rust also reads words as numbers, such as `inf`, which JSON does not have.
    let is_number = text.bytes().next().is_some_and(|byte| byte == b'-' || byte.is_ascii_digit());
    match text.parse::<f64>().map(f64::round) {
        Ok(value) if is_number && value >= 18_446_744_073_709_551_616.0 => Taken::Changed(most),
        Ok(value) if is_number && value >= 0.0 => at_most(cast(value)),
        _ => Taken::Dropped,
    }
}

fn exactly(value: f64) -> Option<u64> {
    ((0.0..=EXACT).contains(&value) && value.fract() == 0.0).then(|| cast(value))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and in the range")]
fn cast(value: f64) -> u64 {
    value as u64
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 on")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::custom(format_args!("{value} is too large")))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        match exactly(value) {
            Some(value) => self.visit_u64(value),
            None if value > EXACT => Err(E::custom(format_args!("{value} is too large"))),
            None => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }
}

struct WholeOrNull<T>(PhantomData<T>);

impl<'de, T: TryFrom<u64>> Visitor<'de> for WholeOrNull<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 on, or null")
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        required(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Fields {
        #[serde(deserialize_with = "required")]
        must: u64,
        #[serde(default, deserialize_with = "optional")]
        may: Option<u32>,
    }

    fn read(must: &str, may: &str) -> Result<(u64, Option<u32>), String> {
        let text = format!(r#"{{"must":{must},"may":{may}}}"#);
        let fields: Fields = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok((fields.must, fields.may))
    }

    #[test]
    fn a_number_is_the_same_however_json_writes_it() {
        for text in ["1000", "1000.0", "1e3", "1E+3", "1.000e3", "10000e-1"] {
            assert_eq!(read(text, text), Ok((1000, Some(1000))), "{text}");
            assert_eq!(whole(text), Some(1000), "{text}");
        }
        assert_eq!(read("-0", "null"), Ok((0, None)));
        assert_eq!(read("18446744073709551615", "4294967295.0"), Ok((u64::MAX, Some(u32::MAX))));
        assert_eq!(serde_json::from_str::<Fields>(r#"{"must":1}"#).expect("a field that may be left out").may, None);
    }

    #[test]
    fn a_value_that_is_no_whole_number_is_refused() {
        for text in ["1.5", "-1", "-1.0", "18446744073709551616", "1e400", "\"1\"", "true", "[1]", "{}", "0.1e-5"] {
            assert!(read(text, "1").is_err(), "{text}");
            assert!(read("1", text).is_err(), "{text}");
            assert_eq!(whole(text), None, "{text}");
        }
        assert!(read("null", "1").is_err());
        assert!(read("1", "4294967296").expect_err("too large").contains("4294967296 is too large"));
    }

    #[test]
    fn a_figure_is_rounded_clipped_or_dropped() {
        let of = |text| figure(text, 100);
        for (text, taken) in [("7", 7), ("12.34", 12), ("12.5", 13), ("1e1", 10), ("-0.2", 0), ("99.9999", 100)] {
            assert_eq!(of(text), Taken::Whole(taken), "{text}");
        }
        for text in ["101", "1e3", "18446744073709551616", "1e400", "100.5"] {
            assert_eq!(of(text), Taken::Changed(100), "{text}");
        }
        for text in ["-1", "-1e400", "\"7\"", "true", "[]", "{}", "inf", "NaN", "+1.5"] {
            assert_eq!(of(text), Taken::Dropped, "{text}");
        }
        assert_eq!(figure("18446744073709551615", u64::MAX), Taken::Whole(u64::MAX));
        assert_eq!(figure("1e20", u64::MAX), Taken::Changed(u64::MAX));
    }

    proptest! {
        #[test]
        fn every_number_up_to_2_to_the_53_is_read_in_every_form(value in 0..=1_u64 << 53) {
            for text in [format!("{value}"), format!("{value}.0"), format!("{value}.00e0"), format!("{value}0e-1")] {
                prop_assert_eq!(whole(&text), Some(value), "{}", text);
            }
            let short = value % 100_000_000_000_000;
            prop_assert_eq!(read(&format!("{short}.0"), "0"), Ok((short, Some(0))));
        }
    }
}
