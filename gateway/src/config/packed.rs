//! The annotated file and its schema, as they lie compressed in the program.

/// Longest of the two when unpacked: what is longer is not ours.
const MAX_BYTES: usize = 1 << 20;

static EXAMPLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gateway.toml.deflate"));
static SCHEMA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gateway.schema.json.deflate"));

/// `gateway.toml` with every setting in it, switched off.
#[must_use]
pub fn example() -> Option<String> {
    unpack(EXAMPLE)
}

/// The JSON Schema of such a file.
#[must_use]
pub fn schema() -> Option<String> {
    unpack(SCHEMA)
}

fn unpack(packed: &[u8]) -> Option<String> {
    let bytes = miniz_oxide::inflate::decompress_to_vec_with_limit(packed, MAX_BYTES).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_the_package_installs() {
        let example = example().expect("unpacked");
        assert_eq!(example, include_str!("../../../deploy/deb/gateway.toml"));
        let schema = schema().expect("unpacked");
        assert!(serde_json::from_str::<serde_json::Value>(&schema).is_ok());
    }
}
