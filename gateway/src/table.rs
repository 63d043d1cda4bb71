//! The table of the gateway: every route of every section.
//!
//! Above all handlers; a row stands beside its handler, in the file of its section.

use std::sync::LazyLock;

use crate::http::table::Table;
use crate::{live, routes};

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let sections = routes::SECTIONS.iter().chain(live::SECTIONS);
    let made = routes::sdk_commands::ROUTES.iter();
    let made = made.chain(routes::groups::ROUTES.iter());
    Table::new(sections.copied().flatten().chain(made))
});

/// The table.
#[must_use]
pub(crate) fn table() -> &'static Table {
    &TABLE
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
