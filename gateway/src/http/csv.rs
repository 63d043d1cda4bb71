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

static TEXT_CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");

/// Lines being written.
pub(crate) struct Csv(String);

impl Csv {
    /// With a line of column names.
    pub(crate) fn new(columns: &[&str]) -> Csv {
        let mut csv = Csv(String::new());
        csv.line(columns);
        csv
    }

    /// A line of fields.
    pub(crate) fn line<T: Display>(&mut self, fields: &[T]) {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            let field = field.to_string();
            match field.contains([',', '"', '\n', '\r']) {
                true => {
                    self.0.push('"');
                    self.0.push_str(&field.replace('"', "\"\""));
                    self.0.push('"');
                }
                false => self.0.push_str(&field),
            }
        }
        self.0.push_str("\r\n");
    }

    /// A 200 with them.
    pub(crate) fn answer(self) -> Response {
        respond::typed(TEXT_CSV.clone(), self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_stays_one_field() {
        let mut csv = Csv::new(&["name", "value"]);
        csv.line(&["a, \"b\"", "1.5"]);
        assert_eq!(csv.0, "name,value\r\n\"a, \"\"b\"\"\",1.5\r\n");
    }
}
