//! Files that need each other, in a circle: found by reading `use` lines and paths.
//!
//! A circle of files cannot be read top-down, tested alone or taken out. The
//! compiler allows it inside a crate, so this looks for it: every path that a file
//! names, outside its tests, is followed to the file that it leads to, through
//! re-exports; files that reach each other form a circle (Tarjan's algorithm). A
//! module and its parent may know each other: that is one idea in two files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Path of a module from the root of its crate, e.g. `["http", "gate"]`.
type Module = Vec<String>;

/// What one file says.
#[derive(Default)]
struct File {
    /// Paths it names, absolute: `crate`, `self` and `super` are resolved.
    named: Vec<Vec<String>>,
    /// What it hands on under a name of its own: name → absolute path.
    exported: BTreeMap<String, Vec<String>>,
}

/// A word, a `::`, or a sign of one character.
type Token = String;

/// Circles of files below `root`, the `src` of a crate; each a sorted list of paths
/// relative to `root`.
pub(super) fn circles(root: &Path, files: &[PathBuf]) -> Vec<Vec<String>> {
    let mut modules: BTreeMap<Module, File> = BTreeMap::new();
    let mut names: BTreeMap<Module, String> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(root).expect("below the root");
        let Some(module) = module_of(inside) else {
            continue;
        };
        modules.insert(module.clone(), File::default());
        names.insert(module, inside.to_string_lossy().into_owned());
    }
    let known: BTreeSet<Module> = modules.keys().cloned().collect();
    for file in files {
        let inside = file.strip_prefix(root).expect("below the root");
        if let Some(module) = module_of(inside) {
            let text = std::fs::read_to_string(file).expect("a source can be read");
            modules.insert(module.clone(), read(&module, &text, &known));
        }
    }
    let arrows = modules
        .iter()
        .map(|(module, file)| (module.clone(), arrows(module, file, &modules)))
        .collect();
    let mut circles: Vec<Vec<String>> = components(&arrows)
        .into_iter()
        .filter(|circle| circle.len() > 1)
        .map(|circle| {
            let mut files: Vec<String> = circle.iter().map(|m| names[m].clone()).collect();
            files.sort();
            files
        })
        .collect();
    circles.sort();
    circles
}

/// Of which module a file is; none for programs, which are crates of their own.
fn module_of(inside: &Path) -> Option<Module> {
    let mut module: Module = inside
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module[0] == "main" || module[0] == "bin" {
        return None;
    }
    if ["mod", "lib"].contains(&module.last().map_or("", String::as_str)) {
        module.pop();
    }
    Some(module)
}

/// Which other modules a file needs, its parent and its children left out.
fn arrows(module: &Module, file: &File, modules: &BTreeMap<Module, File>) -> BTreeSet<Module> {
    let is_parent = |a: &Module, b: &Module| b.len() == a.len() + 1 && b.starts_with(a);
    file.named
        .iter()
        .map(|path| follow(path, modules, 0))
        .filter(|other| other != module && !is_parent(module, other) && !is_parent(other, module))
        .collect()
}

/// The module in which the last name of an absolute path is defined.
fn follow(path: &[String], modules: &BTreeMap<Module, File>, depth: usize) -> Module {
    let mut module = Module::new();
    for (index, name) in path.iter().enumerate() {
        let mut deeper = module.clone();
        deeper.push(name.clone());
        if modules.contains_key(&deeper) {
            module = deeper;
            continue;
        }
        let handed_on = modules
            .get(&module)
            .and_then(|file| file.exported.get(name));
        // (Two modules that hand on each other's names do not compile; a bound all the same.)
        if let Some(target) = handed_on.filter(|_| depth < 8) {
            let mut target = target.clone();
            target.extend_from_slice(&path[index + 1..]);
            return follow(&target, modules, depth + 1);
        }
        break;
    }
    module
}

/// What `text`, the file of `module`, names outside its tests.
fn read(module: &Module, text: &str, known: &BTreeSet<Module>) -> File {
    let tokens = without_tests(&tokens(text));
    let mut file = File::default();
    // What `use` brings in: short name → absolute path.
    let mut aliases: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut here = module.clone();
    // Depths of braces at which inner modules began.
    let (mut depth, mut inner) = (0_usize, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at].as_str();
        let next = tokens.get(at + 1).map_or("", String::as_str);
        match token {
            "mod" if tokens.get(at + 2).is_some_and(|token| token == "{") => {
                inner.push(depth);
                depth += 1;
                here.push(next.to_owned());
                at += 3;
            }
            "{" => (depth, at) = (depth + 1, at + 1),
            "}" => {
                depth = depth.saturating_sub(1);
                if inner.last() == Some(&depth) {
                    inner.pop();
                    here.pop();
                }
                at += 1;
            }
            "use" => {
                let is_exported = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
                let end = at + tokens[at..].iter().position(|t| t == ";").unwrap_or(1);
                for (name, path) in tree(&tokens[at + 1..end]) {
                    let Some(path) = absolute(&path, &here, &aliases, known) else {
                        continue;
                    };
                    // What a module hands on of its own children, it does not need.
                    let is_facade = is_exported && path.starts_with(&here);
                    if !is_facade {
                        file.named.push(path.clone());
                    }
                    if is_exported && inner.is_empty() {
                        file.exported.insert(name.clone(), path.clone());
                    }
                    aliases.insert(name, path);
                }
                at = end + 1;
            }
            word if is_word(word) && next == "::" => {
                let mut path = vec![word.to_owned()];
                while tokens.get(at + 1).is_some_and(|token| token == "::")
                    && tokens.get(at + 2).is_some_and(|token| is_word(token))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                file.named.extend(absolute(&path, &here, &aliases, known));
                at += 1;
            }
            _ => at += 1,
        }
    }
    file
}

/// The names and paths of a `use`, its braces undone.
fn tree(tokens: &[Token]) -> Vec<(String, Vec<String>)> {
    let mut path = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => {}
            "{" => {
                let mut leaves = Vec::new();
                for branch in branches(&tokens[at + 1..]) {
                    for (name, rest) in tree(branch) {
                        let whole = path.iter().cloned().chain(rest).collect();
                        leaves.push((name, whole));
                    }
                }
                return leaves;
            }
            "as" => {
                let name = tokens.get(at + 1).cloned().unwrap_or_default();
                return vec![(name, path)];
            }
            // `{self, …}`: the module before the braces.
            "self" if !path.is_empty() || tokens.len() == 1 => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    vec![(path.last().cloned().unwrap_or_default(), path)]
}

/// The parts between commas, up to the brace that closes them.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut depth, mut begun, mut parts) = (0, 0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 0 => {
                parts.push(&tokens[begun..at]);
                break;
            }
            "}" => depth -= 1,
            "," if depth == 0 => {
                parts.push(&tokens[begun..at]);
                begun = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A path from the root of the crate; none if it leads to another crate.
fn absolute(
    path: &[String],
    here: &Module,
    aliases: &BTreeMap<String, Vec<String>>,
    known: &BTreeSet<Module>,
) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Module::new(),
        "self" => here.clone(),
        "super" => here[..here.len().checked_sub(1)?].to_vec(),
        name => {
            let mut child = here.clone();
            child.push(name.to_owned());
            match aliases.get(name) {
                Some(path) => path.clone(),
                None if known.contains(&child) => child,
                None => return None,
            }
        }
    };
    for name in rest {
        if name == "super" {
            base.pop();
        } else {
            base.push(name.clone());
        }
    }
    Some(base)
}

/// Words and signs of a source, without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let starts = |at: usize, with: &str| {
        chars[at..]
            .iter()
            .take(with.len())
            .copied()
            .eq(with.chars())
    };
    while at < chars.len() {
        let c = chars[at];
        if starts(at, "//") {
            at += chars[at..].iter().take_while(|c| **c != '\n').count();
        } else if starts(at, "r\"") || starts(at, "r#\"") {
            let hashes = usize::from(chars[at + 1] == '#');
            let end = if hashes == 1 { "\"#" } else { "\"" };
            at += 2 + hashes;
            while at < chars.len() && !starts(at, end) {
                at += 1;
            }
            at += end.len();
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && (starts(at + 1, "\\") || chars.get(at + 2) == Some(&'\'')) {
            // A character, not a lifetime: up to the quote that ends it.
            at += if chars[at + 1] == '\\' { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let word: String = chars[at..]
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_')
                .collect();
            at += word.chars().count();
            tokens.push(word);
        } else if starts(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// The same without what is compiled for tests only.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(mark.len()).eq(mark.iter()) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // The item ends with its braces, or with a semicolon outside of any.
        let mut depth = 0;
        at += mark.len();
        while at < tokens.len() {
            match tokens[at].as_str() {
                "{" | "[" | "(" => depth += 1,
                "}" | "]" | ")" => depth -= 1,
                _ => {}
            }
            let is_end = tokens[at] == "}" || tokens[at] == ";";
            at += 1;
            if depth == 0 && is_end {
                break;
            }
        }
    }
    kept
}

fn is_word(token: &str) -> bool {
    token
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// Strongly connected components (Tarjan).
fn components(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    #[derive(Default)]
    struct Search {
        index: BTreeMap<Module, usize>,
        low: BTreeMap<Module, usize>,
        stack: Vec<Module>,
        found: Vec<Vec<Module>>,
    }

    fn visit(node: &Module, arrows: &BTreeMap<Module, BTreeSet<Module>>, search: &mut Search) {
        let index = search.index.len();
        search.index.insert(node.clone(), index);
        search.low.insert(node.clone(), index);
        search.stack.push(node.clone());
        for other in arrows.get(node).into_iter().flatten() {
            let reached = if !search.index.contains_key(other) {
                visit(other, arrows, search);
                search.low[other]
            } else if search.stack.contains(other) {
                search.index[other]
            } else {
                continue;
            };
            let low = search.low[node].min(reached);
            search.low.insert(node.clone(), low);
        }
        if search.low[node] == index {
            let begun = search.stack.iter().position(|on| on == node);
            let circle = search.stack.split_off(begun.expect("it is on the stack"));
            search.found.push(circle);
        }
    }

    let mut search = Search::default();
    for node in arrows.keys() {
        if !search.index.contains_key(node) {
            visit(node, arrows, &mut search);
        }
    }
    search.found
}

#[test]
fn a_circle_is_found_through_lists_re_exports_and_modules_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    };
    let files = [
        write("lib.rs", "mod a; mod b; mod c; mod d; mod e; mod f;"),
        // a → b through a re-export of its parent, b → c through a module's name, c → a in a list.
        write(
            "a/mod.rs",
            "mod deep; pub use crate::b::inner::Thing; pub(crate) use deep::Other;",
        ),
        write(
            "a/deep.rs",
            "use super::Thing; // crate::c\npub struct Other(Thing);",
        ),
        write("b/mod.rs", "pub mod inner;"),
        write(
            "b/inner.rs",
            "use crate::c; fn f() { c::name(\"crate::d\") }",
        ),
        write("c.rs", "use crate::{a::Other as O, d::{self, X}};"),
        // No circle: tests, comments and one's own parent.
        write("d.rs", "fn f() {} #[cfg(test)] mod tests { use crate::c; }"),
        write("e.rs", "/* */ fn f<'a>(x: &'a str) { crate::f::g('\\'') }"),
        write("f.rs", "pub fn g(_: char) {} // crate::e::f"),
    ];
    let found = circles(dir.path(), &files);
    assert_eq!(found, [["a/deep.rs", "b/inner.rs", "c.rs"]]);
}
