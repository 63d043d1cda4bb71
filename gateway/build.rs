//! Takes the white space out of the API's document before it is embedded: in
//! the repository it is there for review, in a program of 8 MB it would be
//! 108 kB. Nothing else may be made here: a build needs the sources only.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=openapi.json");
    let out = env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?;
    fs::write(
        Path::new(&out).join("openapi.json"),
        compact(&fs::read_to_string("openapi.json")?),
    )?;
    Ok(())
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
