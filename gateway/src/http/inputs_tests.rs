use super::*;

const LIMIT: Param = Param::optional(
    Location::Query,
    "limit",
    Kind::Int {
        min: 0,
        max: 1000,
        default: Some(100),
    },
    "",
);
const FLAG: Param = Param::optional(Location::Query, "flag", Kind::Flag, "");
const NAME: Param = Param::required(Location::QueryOrBody, "name", Kind::Text, "");
const DISTANCE: Param = Param::required(
    Location::Body,
    "distance",
    Kind::Int {
        min: 20,
        max: 500,
        default: None,
    },
    "",
);

fn query(text: &str) -> Inputs {
    Inputs::from_uri(&format!("/x?{text}").parse().expect("a uri"))
}

fn body(text: &str) -> Inputs {
    Inputs::default()
        .with_body(text.as_bytes())
        .expect("an object")
}

fn kinds(inputs: &Inputs) -> Vec<&'static str> {
    inputs.issues.iter().map(|issue| issue.kind).collect()
}

#[test]
fn integers_are_read_leniently_and_kept_in_range() {
    for (text, expected) in [
        ("limit=5", 5),
        ("limit=%205", 5),
        ("limit=7.0", 7),
        ("limit=1&limit=2", 2),
        ("", 100),
    ] {
        let mut inputs = query(text);
        assert_eq!(inputs.int(&LIMIT), Some(expected), "{text}");
        assert!(inputs.finish().is_ok());
    }
    for (text, kind) in [
        ("limit=abc", "int_parsing"),
        ("limit=", "int_parsing"),
        ("limit=1e3", "int_parsing"),
        ("limit=1.5", "int_from_float"),
        ("limit=-1", "greater_than_equal"),
        ("limit=1001", "less_than_equal"),
        ("limit=%FF", "int_parsing"),
    ] {
        let mut inputs = query(text);
        assert_eq!(inputs.int(&LIMIT), None, "{text}");
        assert_eq!(kinds(&inputs), [kind], "{text}");
    }
}

#[test]
fn json_integers_may_be_strings_but_not_fractions() {
    for (text, expected) in [
        ("{\"distance\": 50}", 50),
        ("{\"distance\": \"50\"}", 50),
        ("{\"distance\": 50.0}", 50),
    ] {
        assert_eq!(body(text).int(&DISTANCE), Some(expected), "{text}");
    }
    for (text, kind) in [
        ("{\"distance\": 50.5}", "int_from_float"),
        ("{\"distance\": true}", "int_parsing"),
        ("{\"distance\": [1]}", "int_parsing"),
        ("{\"distance\": 1e300}", "less_than_equal"),
        ("{\"distance\": null}", "missing"),
        ("{}", "missing"),
    ] {
        let mut inputs = body(text);
        assert_eq!(inputs.int(&DISTANCE), None, "{text}");
        assert_eq!(kinds(&inputs), [kind], "{text}");
    }
}

#[test]
fn booleans_are_the_documented_words() {
    for (text, expected) in [
        ("TRUE", true),
        ("1", true),
        ("yes", true),
        ("oN", true),
        ("off", false),
        ("0", false),
    ] {
        assert_eq!(
            query(&format!("flag={text}")).flag(&FLAG),
            Some(expected),
            "{text}"
        );
    }
    let mut inputs = query("flag=maybe");
    assert_eq!(inputs.flag(&FLAG), None);
    assert_eq!(kinds(&inputs), ["bool_parsing"]);
}

#[test]
fn the_query_wins_over_the_body_and_absence_is_said_where_it_was_looked_for() {
    let mut both = query("name=q")
        .with_body(b"{\"name\": \"b\"}")
        .expect("an object");
    assert_eq!(both.text(&NAME).as_deref(), Some("q"));
    assert_eq!(body("{\"name\": \"b\"}").text(&NAME).as_deref(), Some("b"));
    let mut wrong = body("{\"name\": 3}");
    assert_eq!(wrong.text(&NAME), None);
    assert_eq!(kinds(&wrong), ["string_type"]);
    let mut absent = query("");
    assert_eq!(absent.text(&NAME), None);
    assert_eq!(absent.issues[0].loc, ["query", "name"]);
}

#[test]
fn broken_json_and_deep_json_are_refused_without_a_panic() {
    let deep = "[".repeat(MAX_ELEMENTS);
    for text in ["{\"a\":", "[1]", "nul", "{\"a\": 1} x", deep.as_str()] {
        let error = Inputs::default()
            .with_body(text.as_bytes())
            .expect_err("refused");
        assert_eq!(
            error.status(),
            http::StatusCode::UNPROCESSABLE_ENTITY,
            "{text:.20}"
        );
    }
    assert!(Inputs::default().with_body(b" \r\n").is_ok());
}

#[test]
fn a_body_of_a_great_many_elements_is_too_large() {
    let zeros = format!("{{\"a\":[{}0]}}", "0,".repeat(MAX_ELEMENTS));
    let error = Inputs::default().with_body(zeros.as_bytes());
    let error = error.expect_err("refused");
    assert_eq!(error.status(), http::StatusCode::PAYLOAD_TOO_LARGE);
    // A long text is one element.
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(500_000));
    assert!(Inputs::default().with_body(text.as_bytes()).is_ok());
}

#[test]
fn path_ids_follow_the_pattern() {
    assert!(path_id("drone_id", "drone_001-A").is_ok());
    for wrong in ["", "drone@001", "ドローン", "a b", "a/b", "a\n"] {
        assert!(path_id("drone_id", wrong).is_err(), "{wrong}");
    }
}
