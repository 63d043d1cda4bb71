//! Colours where a person looks at a terminal, and nowhere else.

use std::io::IsTerminal as _;

/// Whether colours would be seen: a terminal, and nobody who wants none
/// (<https://no-color.org>).
fn wanted() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// A level, `width` characters wide, as bad as it looks.
pub(super) fn level(level: &str, width: usize) -> String {
    let padded = format!("{level:<width$}");
    match level {
        "critical" => painted(&padded, "1;31"),
        "error" => painted(&padded, "31"),
        "warning" => painted(&padded, "33"),
        _ => padded,
    }
}

/// Something that is well, or is not.
pub(super) fn verdict(text: &str, is_well: bool) -> String {
    painted(text, if is_well { "32" } else { "1;31" })
}

fn painted(text: &str, code: &str) -> String {
    match wanted() {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    }
}
