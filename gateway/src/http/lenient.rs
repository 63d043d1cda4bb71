//! Integers and booleans as clients write them (contract 1.2): `"50"`, `50.0` and
//! `"yes"` mean what they say.
//!
//! Pure: text or JSON in, a value or the kind of the issue out.

use serde_json::Value;

/// `"50"`, `" 50 "` and `"50.0"` are integers; `"50.5"` is a fraction.
pub(super) fn int_of_text(text: &str) -> Result<i64, &'static str> {
    let text = text.trim();
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    let (whole, fraction) = text.split_once('.').ok_or("int_parsing")?;
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match (whole.parse(), is_digits(fraction)) {
        (Ok(value), true) if fraction.bytes().all(|byte| byte == b'0') => Ok(value),
        (Ok(_), true) => Err("int_from_float"),
        _ => Err("int_parsing"),
    }
}

pub(super) fn int_of_json(value: &Value) -> Result<i64, &'static str> {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Ok(value),
            // Beyond i64: the range check gives the right answer at the ends.
            (None, Some(value)) if value.fract() == 0.0 => Ok(value as i64),
            _ => Err("int_from_float"),
        },
        _ => Err("int_parsing"),
    }
}

pub(super) fn bool_of_text(text: &str) -> Option<bool> {
    const TRUE: [&str; 6] = ["true", "1", "yes", "on", "t", "y"];
    const FALSE: [&str; 6] = ["false", "0", "no", "off", "f", "n"];
    let is = |known: &&str| text.eq_ignore_ascii_case(known);
    if TRUE.iter().any(is) {
        Some(true)
    } else if FALSE.iter().any(is) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_whole_numbers_or_say_why_not() {
        for (text, expected) in [
            ("-3", Ok(-3)),
            (" 7.000 ", Ok(7)),
            ("7.5", Err("int_from_float")),
            ("7.05", Err("int_from_float")),
            ("7.", Err("int_parsing")),
            (".5", Err("int_parsing")),
            ("7.0x", Err("int_parsing")),
            ("seven.0", Err("int_parsing")),
            ("99999999999999999999", Err("int_parsing")),
        ] {
            assert_eq!(int_of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn json_numbers_beyond_the_range_keep_their_side_of_it() {
        for (value, expected) in [
            (json!(7), Ok(7)),
            (json!(7.0), Ok(7)),
            (json!(7.5), Err("int_from_float")),
            (json!(1e300), Ok(i64::MAX)),
            (json!(-1e300), Ok(i64::MIN)),
            (json!(null), Err("int_parsing")),
        ] {
            assert_eq!(int_of_json(&value), expected, "{value}");
        }
    }

    #[test]
    fn words_for_yes_and_no() {
        for word in ["true", "1", "YES", "on", "t", "y"] {
            assert_eq!(bool_of_text(word), Some(true), "{word}");
        }
        for word in ["false", "0", "No", "off", "f", "n"] {
            assert_eq!(bool_of_text(word), Some(false), "{word}");
        }
        for word in ["", "2", "truee", "da"] {
            assert_eq!(bool_of_text(word), None, "{word}");
        }
    }
}
