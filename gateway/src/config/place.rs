//! Where something in a configuration stands, and what is wrong with it.
//!
//! Every problem has a place that an operator can go to: a line of the file, a
//! variable, a flag, or the key when it was set nowhere.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file that could not be read.
    File(PathBuf),
    /// A line and column (from 1) of a file.
    Line(PathBuf, usize, usize),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// A key that is nowhere set: two defaults or settings do not fit together.
    Key(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Line(path, line, column) => write!(f, "{}:{line}:{column}", path.display()),
            Place::Variable(name) => write!(f, "environment variable {name}"),
            Place::Flag(name) => f.write_str(name),
            Place::Key(key) => write!(f, "{key}"),
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Everything wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl ConfigError {
    /// An error if there is any problem.
    ///
    /// # Errors
    /// The problems.
    pub fn unless_sound(problems: Vec<Problem>) -> Result<(), ConfigError> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError { problems })
        }
    }

    pub(super) fn one(place: Place, message: impl Into<String>) -> ConfigError {
        ConfigError {
            problems: vec![Problem {
                place,
                message: message.into(),
            }],
        }
    }
}

/// Offset of the deepest part of `path` that is present in `table`.
pub(super) fn span_start(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let first = path.first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    deeper(value, &path[1..]).or(Some(key.span().start))
}

fn deeper(value: &Spanned<DeValue<'_>>, path: &[&str]) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => span_start(table, path),
        DeValue::Array(array) => {
            let item = array.get(path.first()?.parse::<usize>().ok()?)?;
            deeper(item, &path[1..]).or(Some(item.span().start))
        }
        _ => None,
    }
}

pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rfind('\n')
        .map_or(before, |at| &before[at + 1..])
        .chars()
        .count()
        + 1;
    (line, column)
}
