//! The files as a browser and as a program get them.

use super::*;

fn text(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let bytes = asset
        .unwrap_or_else(|| panic!("{name} is not embedded"))
        .bytes
        .unpack()
        .expect("unpacks");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn asking(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().cloned();
    pairs
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

/// Most bytes of all files together, compressed (SPECIFICATION.md).
const BUDGET_BYTES: usize = 150_000;

#[test]
fn all_files_together_stay_within_the_budget() {
    let sum: usize = ASSETS.iter().map(|asset| asset.bytes.gzip.len()).sum();
    assert!(sum <= BUDGET_BYTES, "{sum} bytes");
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_is_inline() {
    for asset in ASSETS.iter() {
        let text = text(asset.name);
        assert!(
            !text.contains("{{version}}"),
            "{} has no version",
            asset.name
        );
        if !asset.name.starts_with("vendor/") {
            // The namespace of SVG is a name, not an address.
            let text = text.replace("http://www.w3.org/", "");
            assert!(
                !text.contains("https://") && !text.contains("http://"),
                "{} refers to another host",
                asset.name
            );
        }
        if asset.name.ends_with(".html") {
            for inline in ["<style", " style=", " onclick", "<script>"] {
                assert!(!text.contains(inline), "{}: {inline}", asset.name);
            }
        }
        let is_for_work = asset.name.contains(".test.") || asset.name.ends_with(".d.ts");
        assert!(!is_for_work, "{} is of no use to a browser", asset.name);
    }
}

#[test]
fn the_dashboard_has_what_existing_suites_look_for() {
    let text = text("index.html");
    for marker in [
        "MFG Drone Control Dashboard",
        "dashboard-container",
        "System Overview",
        "Drone Control",
        "dashboard.js",
        "<!DOCTYPE html>",
        "<html",
        "<head>",
        "<body>",
        "<title>",
        "lang=",
        "viewport",
        "responsive",
    ] {
        assert!(text.contains(marker), "{marker}");
    }
}

#[test]
fn a_browser_gets_the_packed_bytes_and_asks_no_more() {
    let browser = asking(&[(header::ACCEPT_ENCODING, "gzip, deflate, br")]);
    let answer = serve(&browser, "index.html", Keep::Asking).expect("there");
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
    let tag = answer.headers()[header::ETAG].clone();
    let mut again = browser;
    again.insert(header::IF_NONE_MATCH, tag);
    let answer = serve(&again, "index.html", Keep::ForEver).expect("there");
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    assert!(
        answer.headers()[header::CACHE_CONTROL]
            .to_str()
            .expect("text")
            .contains("immutable")
    );
}

#[test]
fn a_program_that_takes_no_gzip_gets_plain_bytes() {
    for headers in [
        asking(&[]),
        asking(&[(header::ACCEPT_ENCODING, "identity")]),
        asking(&[(header::ACCEPT_ENCODING, "br, gzip;q=0.0")]),
    ] {
        let answer = serve(&headers, "index.html", Keep::Asking).expect("there");
        assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
    }
    assert!(packed::takes_gzip(&asking(&[(
        header::ACCEPT_ENCODING,
        "br;q=1, GZIP;q=0.5"
    )])));
    assert!(serve(&asking(&[]), "nothing.html", Keep::Asking).is_err());
}
