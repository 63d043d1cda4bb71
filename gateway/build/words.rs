//! Takes the words of alerts out of the page's two lists of words, so that a message
//! on a phone says what the page says, and a sentence stands in one place; and packs the
//! second list by leaving out what the first one has.
//!
//! Reads the lists as they are written: `'name': 'text',` or `name: "text",`, the text on
//! the same line or the next. What it cannot read it must refuse, never pass over.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Families of words that messages need; the page's other words stay there.
const FAMILIES: [&str; 9] = [
    "advice",
    "alert",
    "condition",
    "flag",
    "level",
    "limit",
    "metric",
    "subject",
    "who",
];
/// The members of the family `alert` that a message uses.
const OF_ALERT: [&str; 6] = [
    "alert.acknowledged",
    "alert.measured",
    "alert.open",
    "alert.over",
    "alert.resolved",
    "alert.sentence",
];

/// The lists, by their places under `web`.
pub(crate) const ENGLISH: &str = "app/words-en.js";
pub(crate) const JAPANESE: &str = "app/words-ja.js";

/// Names and texts.
type Words = Vec<(String, String)>;

/// The words of both lists: English, Japanese.
fn lists(web: &Path) -> Result<[Words; 2], Box<dyn Error>> {
    let list = |name: &str| -> Result<Words, Box<dyn Error>> {
        let script = fs::read_to_string(web.join(name))?;
        entries(&script).map_err(|why| format!("{name}: {why}").into())
    };
    Ok([list(ENGLISH)?, list(JAPANESE)?])
}

/// The English list as lines of one text: a family, then its words without its name, which
/// is a tenth less when it is compressed.
pub(crate) fn in_families(web: &Path) -> Result<String, Box<dyn Error>> {
    let [english, _] = lists(web)?;
    let mut lines = Vec::new();
    let mut last = "";
    for (name, text) in &english {
        let (family, member) = name.split_once('.').unwrap_or(("", name));
        if family != last {
            lines.push(family.to_owned());
            last = family;
        }
        lines.push(format!("{member}\t{text}"));
    }
    Ok(format!(
        "export const EN = {{}};\nlet family = '';\nfor (const line of {}) {{\nconst [name, text] = line.split('\\t');\n\
         if (text === undefined) family = line && `${{line}}.`;\nelse EN[family + name] = text;\n}}\n",
        as_lines(&lines)?
    ))
}

/// The Japanese list without the names, a third of its bytes: the English one has them,
/// in the same order.
pub(crate) fn unnamed(web: &Path) -> Result<String, Box<dyn Error>> {
    let [english, japanese] = lists(web)?;
    let names =
        |words: &Words| -> Vec<String> { words.iter().map(|(name, _)| name.clone()).collect() };
    if names(&english) != names(&japanese) {
        return Err("the two lists of words do not have the same names in the same order".into());
    }
    let texts: Vec<String> = japanese.into_iter().map(|(_, text)| text).collect();
    Ok(format!(
        "import {{ EN }} from './words-en.js';\nconst TEXTS = {};\n\
         export const JA = Object.fromEntries(Object.keys(EN).map((name, at) => [name, TEXTS[at]]));\n",
        as_lines(&texts)?
    ))
}

/// Lines as a script has them shortest: one text that is split.
fn as_lines(lines: &[String]) -> Result<String, String> {
    // (A text of more than one line would give every later one the name before its own.)
    if let Some(line) = lines.iter().find(|line| line.contains('\n')) {
        return Err(format!("more than one line: {line:?}"));
    }
    let text = lines.join("\n").replace('\\', "\\\\");
    let text = text.replace('`', "\\`").replace("${", "\\${");
    Ok(format!("`{text}`.split('\\n')"))
}

/// Writes `words.rs`: a table of name, English, Japanese, in the order of names.
pub(crate) fn write(web: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let [mut english, japanese] = lists(web)?;
    english.retain(|(name, _)| is_wanted(name));
    english.sort();
    let mut table = "static WORDS: &[(&str, [&str; 2])] = &[\n".to_owned();
    for (name, text) in english {
        let other = japanese.iter().find(|(other, _)| *other == name);
        let (_, other) = other.ok_or_else(|| format!("words-ja.js has no {name}"))?;
        writeln!(table, "    ({name:?}, [{text:?}, {other:?}]),")?;
    }
    table.push_str("];\n");
    fs::write(out.join("words.rs"), table)?;
    Ok(())
}

fn is_wanted(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    FAMILIES.contains(&family)
        && name.contains('.')
        && (family != "alert" || OF_ALERT.contains(&name))
}

/// Every name with its text.
fn entries(script: &str) -> Result<Words, String> {
    let mut found = Vec::new();
    let mut pending: Option<String> = None;
    for line in script.lines().map(str::trim) {
        if let Some(name) = pending.take() {
            found.push((name, literal(line)?));
            continue;
        }
        // (One that is passed over would give every later text the name before its own.)
        let Some((name, rest)) = named(line) else {
            match holds_no_word(line) {
                true => continue,
                false => return Err(format!("not a word: {line}")),
            }
        };
        match rest.trim() {
            "" => pending = Some(name),
            rest => found.push((name, literal(rest)?)),
        }
    }
    if found.is_empty() {
        return Err("no words were found: has the file changed its shape?".to_owned());
    }
    Ok(found)
}

/// The first line of the object, its end, comments and empty lines.
fn holds_no_word(line: &str) -> bool {
    let starts = ["//", "/**", "export const "];
    line.is_empty() || line == "};" || starts.iter().any(|start| line.starts_with(start))
}

/// The name before the colon, quoted or not, and what follows.
fn named(line: &str) -> Option<(String, &str)> {
    for quote in ['\'', '"'] {
        if let Some(rest) = line.strip_prefix(quote) {
            let (name, rest) = rest.split_once(quote)?;
            return Some((name.to_owned(), rest.strip_prefix(':')?));
        }
    }
    if holds_no_word(line) {
        return None;
    }
    let (name, rest) = line.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    is_name.then(|| (name.to_owned(), rest))
}

/// The text of a literal in single or double quotes, with a comma behind it.
fn literal(text: &str) -> Result<String, String> {
    let refused = || format!("not a text in quotes: {text}");
    let inside = text.trim_end_matches(',');
    let quote = inside.chars().next().filter(|c| ['\'', '"'].contains(c));
    let quote = quote.ok_or_else(refused)?;
    let inside = inside[1..].strip_suffix(quote).ok_or_else(refused)?;
    let mut plain = String::new();
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next().ok_or_else(refused)? {
                same @ ('\'' | '"' | '\\') => plain.push(same),
                'n' => plain.push('\n'),
                _ => return Err(refused()),
            },
            other => plain.push(other),
        }
    }
    Ok(plain)
}
