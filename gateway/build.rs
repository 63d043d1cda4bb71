//! Makes what the program embeds: the API's document without its white space, the pages,
//! the annotated configuration and its schema, compressed. In the repository both are there for review; in the program
//! every byte is paid for.
//!
//! A build needs the sources only: nothing is fetched, no other program is run, and
//! nothing inside a page's file is changed but the mark `{{version}}`, and that our own pages,
//! scripts and styles come without comments and indentation, styles without other white space
//! that means nothing, and the lists of words as lines,
//! the second one without the names that the first one has.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "build/comments.rs"]
mod comments;
#[path = "build/words.rs"]
mod words;

/// Where a page or script names the version of all of them. Addresses hold it, so
/// that a browser keeps each file for ever and an update is seen at once.
const VERSION_MARK: &str = "{{version}}";

/// The API's documents, and what the program includes of each.
const DOCUMENTS: [(&str, &str); 2] = [
    ("openapi.json", "openapi.rs"),
    ("asyncapi.json", "asyncapi.rs"),
];

fn main() -> Result<(), Box<dyn Error>> {
    for (name, _) in DOCUMENTS {
        println!("cargo::rerun-if-changed={name}");
    }
    println!("cargo::rerun-if-changed=web");
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?);
    for (name, included) in DOCUMENTS {
        let document = compact(&fs::read_to_string(name)?);
        let packed = out.join(name).with_extension("json.gz");
        fs::write(&packed, gzip(document.as_bytes()))?;
        let table = format!(
            "Packed {{ gzip: include_bytes!({packed:?}), len: {} }}",
            document.len()
        );
        fs::write(out.join(included), table)?;
    }
    words::write(Path::new("web"), &out)?;
    for name in ["gateway.toml", "gateway.schema.json"] {
        let path = Path::new("../deploy/deb").join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let packed = miniz_oxide::deflate::compress_to_vec(&fs::read(path)?, 10);
        fs::write(out.join(format!("{name}.deflate")), packed)?;
    }
    pages(Path::new("web"), &out)
}

/// The same JSON without white space between its parts; texts stay as they are.
fn compact(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |character: &char| {
        if in_text {
            in_text = escaped || *character != '"';
            escaped = !escaped && *character == '\\';
            return true;
        }
        in_text = *character == '"';
        !character.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

/// Compresses what is served of `web`, and writes `pages.rs`: one `Asset` a file.
fn pages(web: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut paths = Vec::new();
    find(web, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path
            .strip_prefix(web)?
            .to_str()
            .ok_or("a name is not UTF-8")?;
        files.push((name.replace('\\', "/"), fs::read(&path)?));
    }
    let mut all = Hash::default();
    for (name, bytes) in &files {
        all.add(name.as_bytes());
        all.add(bytes);
    }
    let version = format!("{:016x}", all.0);
    // (What an earlier build left would be counted by `.ci/measure page`.)
    let _ = fs::remove_dir_all(out.join("pages"));
    fs::create_dir_all(out.join("pages"))?;
    let mut table = format!(
        "pub(super) const VERSION: &str = \"{version}\";\n\nstatic ASSETS: &[Asset] = &[\n"
    );
    for (index, (name, bytes)) in files.into_iter().enumerate() {
        let bytes = match String::from_utf8(bytes) {
            Ok(_) if name == words::ENGLISH => words::in_families(web)?.into_bytes(),
            Ok(_) if name == words::JAPANESE => words::unnamed(web)?.into_bytes(),
            Ok(text) if is_ours(&name) && name.ends_with(".css") => {
                comments::tight(&comments::without(&text)).into_bytes()
            }
            Ok(text) if is_ours(&name) => comments::without(&text)
                .replace(VERSION_MARK, &version)
                .into_bytes(),
            Ok(text) => text.replace(VERSION_MARK, &version).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        let mut hash = Hash::default();
        hash.add(&bytes);
        let packed = out.join("pages").join(format!("{index}.gz"));
        fs::write(&packed, gzip(&bytes))?;
        writeln!(
            table,
            "    Asset {{ name: {name:?}, tag: \"{:016x}\", bytes: Packed {{ gzip: include_bytes!({packed:?}), len: {} }} }},",
            hash.0,
            bytes.len()
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("pages.rs"), table)?;
    Ok(())
}

/// Whether a file is a page, a script or a style sheet of ours: libraries are served as npm has them.
fn is_ours(name: &str) -> bool {
    let is_text = [".js", ".css", ".html"]
        .iter()
        .any(|kind| name.ends_with(kind));
    !name.starts_with("vendor/") && is_text
}

/// Every file that is served: tests and types stand beside the code and stay here.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_for_work = name.ends_with(".test.js")
            || name.ends_with(".d.ts")
            || name == "package.json"
            || name.starts_with('.');
        if path.is_dir() {
            find(&path, found)?;
        } else if !is_for_work {
            found.push(path);
        }
    }
    Ok(())
}

/// FNV-1a: tells versions of our own files apart; no stranger chooses them.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// `bytes` as a gzip file (RFC 1952) without a name and a time: the same bytes on
/// every machine.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, 10));
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), step)
    })
}
