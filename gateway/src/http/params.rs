//! Parameters of routes: described once, checked by their description
//! (`inputs`), documented by it (`openapi`).
//!
//! Only the description: nothing here reads a request.

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// The query string, or a field of the JSON body: both are accepted.
    QueryOrBody,
    /// A field of the JSON body.
    Body,
    /// A part of a multipart form, which is passed on as it comes.
    Part,
}

impl Location {
    /// First element of an issue's `loc`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Location::Path => "path",
            Location::Query | Location::QueryOrBody => "query",
            Location::Body | Location::Part => "body",
        }
    }
}

/// What a parameter's value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Any text; the handler judges it.
    Text,
    /// A text of this many characters; the handler judges it.
    Chars {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
    /// An id that stands in a path, see [`path_id`](super::inputs::path_id).
    Id,
    /// One of these texts; the handler refuses others.
    Choice(&'static [&'static str]),
    /// An integer in this inclusive range.
    Int {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
        /// When absent.
        default: Option<i64>,
    },
    /// A finite number.
    Number,
    /// A finite number in this inclusive range; the handler refuses others.
    Range {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
        /// When absent.
        default: Option<f64>,
    },
    /// An object with fields of its own.
    Fields(&'static [Param]),
    /// A list of objects, which the handler judges; an example of one, as JSON.
    Objects(&'static str),
    /// The bytes of a file.
    File,
    /// A boolean, false when absent.
    Flag,
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where it stands.
    pub(crate) location: Location,
    /// What it must be.
    pub(crate) kind: Kind,
    /// Whether a request without it is refused.
    pub(crate) required: bool,
    /// What it means, for the OpenAPI document.
    pub(crate) about: &'static str,
}

impl Param {
    /// An optional parameter.
    pub(crate) const fn optional(
        location: Location,
        name: &'static str,
        kind: Kind,
        about: &'static str,
    ) -> Param {
        Param {
            name,
            location,
            kind,
            required: false,
            about,
        }
    }

    /// A required parameter.
    pub(crate) const fn required(
        location: Location,
        name: &'static str,
        kind: Kind,
        about: &'static str,
    ) -> Param {
        Param {
            name,
            location,
            kind,
            required: true,
            about,
        }
    }
}

/// What an id in a path looks like (contract 1.1).
pub(crate) const ID_PATTERN: &str = "^[a-zA-Z0-9_-]+$";

/// Whether some of them may stand in a JSON body.
pub(crate) fn takes_body(params: &[Param]) -> bool {
    params
        .iter()
        .any(|param| matches!(param.location, Location::Body | Location::QueryOrBody))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_make_a_json_body() {
        let at = |location| [Param::optional(location, "x", Kind::Text, "")];
        assert!(takes_body(&at(Location::Body)) && takes_body(&at(Location::QueryOrBody)));
        for location in [Location::Path, Location::Query, Location::Part] {
            assert!(!takes_body(&at(location)), "{location:?}");
        }
        assert!(!takes_body(&[]));
    }
}
