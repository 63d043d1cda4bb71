//! Answers as CSV (RFC 4180), for a spreadsheet.
//!
//! A route that has a history takes `format`; what its columns are is the route's own.

use std::fmt::Display;

use axum::response::Response;
use http::HeaderValue;

use crate::http::params::{Kind, Location, Param};
use crate::http::respond;

/// In which form a history is wanted.
pub(crate) const FORMAT: Param = Param::optional(
    Location::Query,
    "format",
    Kind::Choice(&["json", "csv"]),
    "csv for a spreadsheet; json when absent",
);
/// The name of the other form.
pub(crate) const CSV: &str = "csv";
/// Its media type in the document.
pub(crate) const MEDIA_TYPE: &str = "text/csv";

pub(crate) static TEXT_CSV: HeaderValue =
    HeaderValue::from_static("text/csv; charset=utf-8; header=present");

/// A line of fields.
pub(crate) fn line<T: Display>(fields: &[T]) -> Vec<u8> {
    let mut line = String::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        let field = field.to_string();
        match field.contains([',', '"', '\n', '\r']) {
            true => {
                line.push('"');
                line.push_str(&field.replace('"', "\"\""));
                line.push('"');
            }
            false => line.push_str(&field),
        }
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// A 200 with a line of column names and `lines`, made as they are taken; `held` bytes
/// stay until then.
pub(crate) fn answer(
    columns: &[&str],
    lines: impl Iterator<Item = Vec<u8>> + Send + 'static,
    held: usize,
) -> Response {
    respond::pieces(TEXT_CSV.clone(), line(columns), "", lines, Vec::new(), held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_stays_one_field() {
        assert_eq!(line(&["a, \"b\"", "1.5"]), b"\"a, \"\"b\"\"\",1.5\r\n");
    }

    #[tokio::test]
    async fn a_table_begins_with_its_columns_and_has_every_line() {
        let lines = (0..9_999).map(|n| line(&[n, 7]));
        let body = answer(&["name", "value"], lines, 0).into_body();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("read");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        assert!(
            text.starts_with("name,value\r\n0,7\r\n1,7\r\n"),
            "{text:.60}"
        );
        assert_eq!(text.lines().count(), 10_000);
    }
}
