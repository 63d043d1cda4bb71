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

#[test]
fn bounds_belong_to_the_range() {
    for (text, expected) in [("limit=0", 0), ("limit=1000", 1000)] {
        assert_eq!(query(text).int(&LIMIT), Some(expected));
    }
    for (metres, kind) in [(19, "greater_than_equal"), (501, "less_than_equal")] {
        let mut inputs = body(&format!("{{\"distance\": {metres}}}"));
        assert_eq!(inputs.int(&DISTANCE), None);
        assert_eq!(kinds(&inputs), [kind]);
        let bound = &inputs.issues[0].ctx;
        assert!(bound == &Some(json!({"ge": 20})) || bound == &Some(json!({"le": 500})));
    }
}

#[test]
fn numbers_are_finite() {
    const NUMBER: Param = Param::optional(Location::QueryOrBody, "n", Kind::Number, "");
    assert_eq!(query("n=1.5").number(&NUMBER), Some(1.5));
    assert_eq!(body("{\"n\": -2}").number(&NUMBER), Some(-2.0));
    assert_eq!(query("").number(&NUMBER), None);
    for text in ["n=inf", "n=NaN", "n=1e999", "n=", "n=x"] {
        let mut inputs = query(text);
        assert_eq!(inputs.number(&NUMBER), None, "{text}");
        assert_eq!(kinds(&inputs), ["float_parsing"], "{text}");
    }
}

#[test]
fn a_list_is_joined_and_anything_else_in_it_refused() {
    const IDS: Param = Param::optional(Location::Body, "ids", Kind::Text, "");
    assert_eq!(
        body("{\"ids\": [\"a\", \"b\"]}").list(&IDS).as_deref(),
        Some("a,b")
    );
    assert_eq!(
        body("{\"ids\": \"a,b\"}").list(&IDS).as_deref(),
        Some("a,b")
    );
    let mut wrong = body("{\"ids\": [\"a\", 1]}");
    assert_eq!(wrong.list(&IDS), None);
    assert_eq!(kinds(&wrong), ["string_type"]);
}

/// One field of every kind that a body of the upstream may have.
const FIELDS: &[Param] = &[
    Param::optional(
        Location::Body,
        "share",
        Kind::Range {
            min: 0.1,
            max: 0.5,
            default: None,
        },
        "",
    ),
    Param::optional(Location::Body, "name", Kind::Chars { min: 2, max: 4 }, ""),
    Param::optional(Location::Body, "kind", Kind::Choice(&["yolo", "ssd"]), ""),
    Param::optional(Location::Body, "deep", Kind::Fields(&[DISTANCE]), ""),
    Param::optional(Location::Body, "flag", Kind::Flag, ""),
    // Not of the body, so not looked at.
    Param::required(Location::Path, "dataset_id", Kind::Id, ""),
];

#[test]
fn every_described_field_of_a_body_is_looked_at() {
    for good in [
        json!({}),
        json!({"share": 0.1, "name": "ab", "kind": "ssd", "flag": true}),
        json!({"share": 0.5, "name": "\u{3042}\u{3044}\u{3046}\u{3048}", "deep": {"distance": 20}}),
        json!({"deep": null, "unknown": 1}),
    ] {
        let mut inputs = body(&good.to_string());
        inputs.look_at(FIELDS);
        assert_eq!(kinds(&inputs), [""; 0], "{good}");
        assert!(inputs.finish().is_ok());
    }
    for (bad, kind, at) in [
        (
            json!({"share": 0.09}),
            "greater_than_equal",
            json!(["body", "share"]),
        ),
        (
            json!({"share": 0.51}),
            "less_than_equal",
            json!(["body", "share"]),
        ),
        (
            json!({"share": "much"}),
            "float_parsing",
            json!(["body", "share"]),
        ),
        (
            json!({"name": "a"}),
            "string_too_short",
            json!(["body", "name"]),
        ),
        (
            json!({"name": "abcde"}),
            "string_too_long",
            json!(["body", "name"]),
        ),
        (
            json!({"kind": "SSD"}),
            "literal_error",
            json!(["body", "kind"]),
        ),
        (json!({"flag": 2}), "bool_parsing", json!(["body", "flag"])),
        (json!({"deep": [1]}), "dict_type", json!(["body", "deep"])),
        (
            json!({"deep": {}}),
            "missing",
            json!(["body", "deep", "distance"]),
        ),
    ] {
        let mut inputs = body(&bad.to_string());
        inputs.look_at(FIELDS);
        assert_eq!(kinds(&inputs), [kind], "{bad}");
        assert_eq!(Value::from(inputs.issues[0].loc.clone()), at, "{bad}");
        assert!(inputs.finish().is_err());
        // What was told is not told again.
        assert!(inputs.finish().is_ok());
    }
}
