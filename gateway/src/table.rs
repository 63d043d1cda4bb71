//! The table of the gateway: every route of every section, and the document that it
//! gives.
//!
//! Above all handlers; a row stands beside its handler, in the file of its section.

use std::sync::LazyLock;

use crate::http::openapi;
use crate::http::table::Table;
use crate::{live, routes};

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let sections = routes::SECTIONS.iter().chain(live::SECTIONS);
    Table::new(sections.copied().flatten())
});

/// The table.
#[must_use]
pub fn table() -> &'static Table {
    &TABLE
}

/// The OpenAPI document as the table gives it, in readable JSON.
#[must_use]
pub fn describe() -> String {
    openapi::describe(table())
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
