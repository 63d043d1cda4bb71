//! QR codes, as rows of dark and light modules.
//!
//! One place for the page and the terminal. What is encoded is a secret more often
//! than not: nothing here keeps or logs it.

use qrcodegen::{QrCode, QrCodeEcc};

/// Light modules around a code in the terminal. The standard asks for four; readers
/// take two, and a code that fits the window is read, one that does not is not.
const QUIET: i32 = 2;

/// The code of `text`: a row a text, `1` for dark. None when it is too long for any.
#[must_use]
pub(crate) fn rows(text: &str) -> Option<Vec<String>> {
    let code = code(text)?;
    let row = |y| {
        let module = |x| if code.get_module(x, y) { '1' } else { '0' };
        (0..code.size()).map(module).collect()
    };
    Some((0..code.size()).map(row).collect())
}

/// The code of `text` for a terminal, two rows of modules a line. Dark on light
/// whatever the terminal's colours: readers expect it so.
#[must_use]
pub(crate) fn terminal(text: &str) -> Option<String> {
    let code = code(text)?;
    let (first, end) = (-QUIET, code.size() + QUIET);
    let mut drawn = String::new();
    for y in (first..end).step_by(2) {
        // Black on white.
        drawn.push_str("\x1b[30;47m");
        for x in first..end {
            // (Outside the code every module is light.)
            drawn.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push_str("\x1b[0m\n");
    }
    Some(drawn)
}

fn code(text: &str) -> Option<QrCode> {
    // Low: a screen is not scratched, and fewer modules are read from further away.
    QrCode::encode_text(text, QrCodeEcc::Low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_square_with_its_three_corners() {
        let rows = rows("https://192.168.10.1:8443/#signin=abc").expect("short");
        let size = rows.len();
        assert!(
            rows.iter().all(|row| row.len() == size) && size >= 25,
            "{rows:?}"
        );
        let corner = "1111111";
        assert!(rows[0].starts_with(corner) && rows[0].ends_with(corner));
        assert!(rows[size - 1].starts_with(corner));
        let shown = terminal("https://192.168.10.1:8443/#signin=abc").expect("short");
        assert_eq!(shown.lines().count(), (size + 4).div_ceil(2));
        assert_eq!(terminal(&"x".repeat(5000)), None);
    }
}
