//! Scripts and style sheets without their comments: what only a reader of the source needs
//! is a fifth of the page's bytes.

/// `source` without the comments that begin a line. Their lines stay, empty: a browser that
/// complains names the line of the source, and what is run is the source otherwise.
pub(super) fn without(source: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::with_capacity(source.len());
    for line in source.lines() {
        let text = line.trim_start();
        if is_inside || text.starts_with("/*") {
            // What follows a comment on its last line is code.
            let rest = text.split_once("*/").map(|(_, rest)| rest.trim_start());
            is_inside = rest.is_none();
            kept.push_str(rest.unwrap_or_default());
        } else if !text.starts_with("//") {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    kept
}
