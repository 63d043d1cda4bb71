//! The values of a request, read by the description of its parameters.
//!
//! [`Inputs`] collects every issue before the request is refused, so that a client
//! learns all of them at once. Integers and booleans are read as leniently as
//! contract 1.2 asks for, and not more (`lenient`).

use axum::extract::Query;
use http::Uri;
use serde_json::{Map, Value, json};

use crate::config::is_id;
use crate::http::envelope::{ApiError, Issue};
use crate::http::lenient::{bool_of_text, int_of_json, int_of_text};
use crate::http::params::{ID_PATTERN, Kind, Location, Param};

/// The values of a request, and what is wrong with them so far.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    query: Vec<(String, String)>,
    body: Map<String, Value>,
    issues: Vec<Issue>,
}

/// A value as it was given. A JSON string is a text: `"50"` is as good as 50.
enum RawValue<'a> {
    Text(&'a str),
    Json(&'a Value),
}

impl<'a> From<&'a Value> for RawValue<'a> {
    fn from(value: &'a Value) -> RawValue<'a> {
        value.as_str().map_or(RawValue::Json(value), RawValue::Text)
    }
}

impl RawValue<'_> {
    fn echo(&self) -> Value {
        match self {
            RawValue::Text(text) => Value::String((*text).to_owned()),
            RawValue::Json(value) => (*value).clone(),
        }
    }
}

impl Inputs {
    /// A body that is read already, and the query of `uri`.
    pub(crate) fn of(body: Map<String, Value>, uri: &Uri) -> Inputs {
        Inputs {
            body,
            ..Inputs::from_uri(uri)
        }
    }

    /// The query of `uri`, without a body.
    pub(crate) fn from_uri(uri: &Uri) -> Inputs {
        if uri.query().is_none_or(str::is_empty) {
            return Inputs::default();
        }
        // Decoding a query into pairs of texts cannot fail: broken escapes
        // stay as they are and broken UTF-8 becomes the replacement character.
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map(|Query(pairs)| pairs)
            .unwrap_or_default();
        Inputs {
            query,
            ..Inputs::default()
        }
    }

    /// Adds a JSON body. Nothing at all is fine; anything but an object is not.
    ///
    /// # Errors
    /// 422 for broken JSON and for JSON that is not an object.
    pub(crate) fn with_body(mut self, bytes: &[u8]) -> Result<Inputs, ApiError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(self);
        }
        // Read, an element takes many times its bytes, as long as its handler runs.
        let elements = bytes.iter().filter(|byte| b",[{".contains(byte)).count();
        if elements > MAX_ELEMENTS {
            return Err(ApiError::too_many_elements(MAX_ELEMENTS));
        }
        // serde_json refuses nesting deeper than 128, so the stack is bounded.
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(body)) => self.body = body,
            Ok(Value::Null) => {}
            Ok(other) => {
                let mut issue = Issue::new(
                    "dict_type",
                    "body",
                    "",
                    "Input should be a valid object",
                    other,
                );
                issue.loc.truncate(1);
                return Err(ApiError::validation(vec![issue]));
            }
            Err(error) => return Err(ApiError::validation(vec![syntax_issue(&error)])),
        }
        Ok(self)
    }

    /// Whether the request has any JSON field.
    pub(crate) fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// The JSON body as given, for handlers whose fields depend on one another.
    pub(crate) fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// A text; none when absent.
    pub(crate) fn text(&mut self, param: &Param) -> Option<String> {
        let issue = match self.given(param) {
            None => return self.absent(param),
            Some((_, RawValue::Text(text))) => return Some(text.to_owned()),
            Some((place, given)) => Issue::new(
                "string_type",
                place,
                param.name,
                "Input should be a valid string",
                given.echo(),
            ),
        };
        self.refuse(issue)
    }

    /// A text that is kept and shown to others: as long as `param` says, and nothing in it
    /// breaks or turns a line of a log or a list.
    pub(crate) fn shown_text(&mut self, param: &Param) -> Option<String> {
        self.look_at(std::slice::from_ref(param));
        // (What was refused just now is not refused twice.)
        let text = self.body.get(param.name)?.as_str()?.to_owned();
        if text.chars().any(readings::text::is_misleading) {
            self.issues.push(Issue::new(
                "string_pattern_mismatch",
                "body",
                param.name,
                "must not have control characters, line separators or changes of direction",
                text.as_str().into(),
            ));
        }
        Some(text)
    }

    /// A text, or a list of texts joined by commas; none when absent.
    pub(crate) fn list(&mut self, param: &Param) -> Option<String> {
        if let Some((_, RawValue::Json(Value::Array(items)))) = self.given(param) {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            if let Some(texts) = texts {
                return Some(texts.join(","));
            }
        }
        self.text(param)
    }

    /// An integer in the parameter's range, or its default.
    pub(crate) fn int(&mut self, param: &Param) -> Option<i64> {
        let Kind::Int { min, max, default } = param.kind else {
            return None;
        };
        let Some((place, given)) = self.given(param) else {
            return default.or_else(|| self.absent(param));
        };
        let echo = given.echo();
        let read = match given {
            RawValue::Text(text) => int_of_text(text),
            RawValue::Json(value) => int_of_json(value),
        };
        let issue = match read {
            Ok(value) if value < min => Issue::new(
                "greater_than_equal",
                place,
                param.name,
                format!("must be >= {min}"),
                echo,
            )
            .with_ctx(json!({"ge": min})),
            Ok(value) if value > max => Issue::new(
                "less_than_equal",
                place,
                param.name,
                format!("must be <= {max}"),
                echo,
            )
            .with_ctx(json!({"le": max})),
            Ok(value) => return Some(value),
            Err(kind) => Issue::new(kind, place, param.name, "must be an integer", echo),
        };
        self.refuse(issue)
    }

    /// A finite number; none when absent.
    pub(crate) fn number(&mut self, param: &Param) -> Option<f64> {
        let Some((place, given)) = self.given(param) else {
            return self.absent(param);
        };
        let echo = given.echo();
        let read = match given {
            RawValue::Text(text) => text.trim().parse().ok(),
            RawValue::Json(value) => value.as_f64(),
        };
        match read.filter(|value: &f64| value.is_finite()) {
            Some(value) => Some(value),
            None => self.refuse(Issue::new(
                "float_parsing",
                place,
                param.name,
                "must be a number",
                echo,
            )),
        }
    }

    /// Looks at every field of the body that `params` describes; what is wrong
    /// with them is told by [`Inputs::finish`].
    pub(crate) fn look_at(&mut self, params: &[Param]) {
        for param in params
            .iter()
            .filter(|param| param.location == Location::Body)
        {
            match param.kind {
                Kind::Int { .. } => drop(self.int(param)),
                Kind::Flag => drop(self.flag(param)),
                Kind::Number => drop(self.number(param)),
                Kind::Range { min, max, .. } => self.within(param, min, max),
                Kind::Text | Kind::Id | Kind::File => drop(self.text(param)),
                Kind::Choice(known) => self.one_of(param, known),
                Kind::Chars { min, max } => self.words(param, min, max),
                Kind::Fields(fields) => self.fields(param, fields),
                Kind::Objects(_) => {}
            }
        }
    }

    fn within(&mut self, param: &Param, min: f64, max: f64) {
        let Some(value) = self.number(param) else {
            return;
        };
        let echo = self.body.get(param.name).cloned().unwrap_or_default();
        let issue = |kind, word, name: &str, bound: f64| {
            let message = format!("must be {word} {bound}");
            Issue::new(kind, "body", param.name, message, echo.clone())
                .with_ctx(json!({name: bound}))
        };
        if value < min {
            self.issues
                .push(issue("greater_than_equal", ">=", "ge", min));
        } else if value > max {
            self.issues.push(issue("less_than_equal", "<=", "le", max));
        }
    }

    fn one_of(&mut self, param: &Param, known: &[&str]) {
        if let Some(text) = self
            .text(param)
            .filter(|text| !known.contains(&text.as_str()))
        {
            let message = format!("Input should be one of {}", known.join(", "));
            self.issues.push(Issue::new(
                "literal_error",
                "body",
                param.name,
                message,
                text.into(),
            ));
        }
    }

    fn words(&mut self, param: &Param, least: usize, most: usize) {
        let Some(text) = self.text(param) else { return };
        let length = text.chars().count();
        let (kind, message) = if length < least {
            (
                "string_too_short",
                format!("String should have at least {least} characters"),
            )
        } else if length > most {
            (
                "string_too_long",
                format!("String should have at most {most} characters"),
            )
        } else {
            return;
        };
        self.issues
            .push(Issue::new(kind, "body", param.name, message, text.into()));
    }

    fn fields(&mut self, param: &Param, fields: &[Param]) {
        let body = match self.body.get(param.name) {
            None | Some(Value::Null) => return,
            Some(Value::Object(body)) => body.clone(),
            Some(other) => {
                let issue = Issue::new(
                    "dict_type",
                    "body",
                    param.name,
                    "Input should be a valid object",
                    other.clone(),
                );
                return self.issues.push(issue);
            }
        };
        let mut inner = Inputs {
            body,
            ..Inputs::default()
        };
        inner.look_at(fields);
        for mut issue in inner.issues {
            issue.loc.insert(1, param.name.into());
            self.issues.push(issue);
        }
    }

    /// A boolean; none when absent.
    pub(crate) fn flag(&mut self, param: &Param) -> Option<bool> {
        let Some((place, given)) = self.given(param) else {
            return self.absent(param);
        };
        let echo = given.echo();
        let read = match given {
            RawValue::Text(text) => bool_of_text(text),
            RawValue::Json(value) => value.as_bool().or_else(|| match value.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            }),
        };
        match read {
            Some(value) => Some(value),
            None => self.refuse(Issue::new(
                "bool_parsing",
                place,
                param.name,
                "must be a boolean",
                echo,
            )),
        }
    }

    /// Refuses what of the body `params` do not name: what a caller means by it is not done.
    pub(crate) fn no_others(&mut self, params: &[Param]) {
        let is_known = |name: &str| params.iter().any(|param| param.name == name);
        let others = self.body.iter().filter(|(name, _)| !is_known(name));
        let issues = others.map(|(name, value)| {
            let message = "is not taken here";
            Issue::new("extra_forbidden", "body", name, message, value.clone())
        });
        self.issues.extend(issues);
    }

    /// Refuses the request if any value was refused.
    ///
    /// # Errors
    /// 422 with every issue found.
    pub(crate) fn finish(&mut self) -> Result<(), ApiError> {
        if self.issues.is_empty() {
            Ok(())
        } else {
            Err(ApiError::validation(std::mem::take(&mut self.issues)))
        }
    }

    /// The value given for `param` and the place it was found in. The last of
    /// several query values counts; an explicit JSON `null` is absence.
    fn given(&self, param: &Param) -> Option<(&'static str, RawValue<'_>)> {
        let from_query = || self.query.iter().rev().find(|(name, _)| name == param.name);
        let from_body = || self.body.get(param.name).filter(|value| !value.is_null());
        match param.location {
            Location::Path | Location::Part => None,
            Location::Query => from_query().map(|(_, text)| ("query", RawValue::Text(text))),
            Location::Body => from_body().map(|value| ("body", RawValue::from(value))),
            Location::QueryOrBody => from_query()
                .map(|(_, text)| ("query", RawValue::Text(text)))
                .or_else(|| from_body().map(|value| ("body", RawValue::from(value)))),
        }
    }

    fn absent<T>(&mut self, param: &Param) -> Option<T> {
        if param.required {
            let place = if param.location == Location::QueryOrBody && self.has_body() {
                "body"
            } else {
                param.location.name()
            };
            self.issues.push(Issue::new(
                "missing",
                place,
                param.name,
                "Field required",
                Value::Null,
            ));
        }
        None
    }

    fn refuse<T>(&mut self, issue: Issue) -> Option<T> {
        self.issues.push(issue);
        None
    }
}

/// Most commas, lists and objects of a JSON body: no request of the contract has a
/// hundred, and a mebibyte of `0,` would be sixteen of values.
pub(crate) const MAX_ELEMENTS: usize = 10_000;

/// Refuses a path id that is not [`ID_PATTERN`] (contract 1.1: 422, not 404).
///
/// # Errors
/// 422 `string_pattern_mismatch`.
pub(crate) fn path_id(name: &str, value: &str) -> Result<(), ApiError> {
    // (The contract gives no length: what is too long is not found.)
    if is_id(value, usize::MAX) {
        return Ok(());
    }
    let message = format!("String should match pattern '{ID_PATTERN}'");
    let issue = Issue::new(
        "string_pattern_mismatch",
        "path",
        name,
        message,
        value.into(),
    );
    Err(ApiError::validation(vec![
        issue.with_ctx(json!({"pattern": ID_PATTERN})),
    ]))
}

fn syntax_issue(error: &serde_json::Error) -> Issue {
    let mut issue = Issue::new("json_invalid", "body", "", "JSON decode error", json!({}));
    // Clients expect a position; a column is what the parser has.
    issue.loc[1] = error.column().into();
    issue.with_ctx(json!({"error": error.to_string()}))
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
