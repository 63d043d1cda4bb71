//! Scripts and style sheets without their comments and their indentation: what only a reader
//! of the source needs is a fifth of the page's bytes.

/// How the type of a value in the middle of a line begins.
const TYPE: &str = "/** @type ";

/// `source` without the comments that begin a line, types within one, and indentation, which
/// means nothing in markup either. Lines stay, empty: a browser that complains names the line
/// of the source, and what is run is the source otherwise.
pub(super) fn without(source: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::with_capacity(source.len());
    for line in source.lines() {
        let text = line.trim_start();
        if is_inside || text.starts_with("/*") {
            // What follows a comment on its last line is code.
            let rest = text.split_once("*/").map(|(_, rest)| rest.trim_start());
            is_inside = rest.is_none();
            untyped(rest.unwrap_or_default(), &mut kept);
        } else if !text.starts_with("//") {
            untyped(text, &mut kept);
        }
        kept.push('\n');
    }
    kept
}

/// A style sheet without the white space that means nothing: what stands in quotes stays, and so
/// does what parts two words, as in `main :focus` and `1px solid`.
pub(super) fn tight(style: &str) -> String {
    let mut kept = String::with_capacity(style.len());
    let mut quote = None;
    let mut characters = style.chars().peekable();
    while let Some(character) = characters.next() {
        if quote.is_some() || !character.is_whitespace() {
            match quote {
                Some(open) if open == character => quote = None,
                None if matches!(character, '"' | '\'') => quote = Some(character),
                _ => {}
            }
            kept.push(character);
            continue;
        }
        while characters.next_if(|next| next.is_whitespace()).is_some() {}
        let is_after = kept.ends_with(['{', '}', ';', ':', ',', '>']) || kept.is_empty();
        let is_before = matches!(characters.peek(), None | Some('{' | '}' | ';' | ',' | '>'));
        if !is_after && !is_before {
            kept.push(' ');
        }
    }
    kept
}

/// Adds `text` without the types in it.
fn untyped(text: &str, kept: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(TYPE) {
        // (One that goes on on the next line stays.)
        let Some((_, after)) = after.split_once("*/") else {
            break;
        };
        kept.push_str(before);
        rest = after.trim_start();
    }
    kept.push_str(rest);
}
