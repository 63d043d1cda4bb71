//! The shape of a JSON answer, for the OpenAPI document.
//!
//! The document is made by a test, and the gateway serves the committed copy: so the
//! program carries no schemas, and nothing of what makes them.

use utoipa::ToSchema;
#[cfg(test)]
use utoipa::openapi::schema::{Array, Schema};
#[cfg(test)]
use utoipa::openapi::{Ref, RefOr};

/// Schemas by name, as they are collected for the document.
#[cfg(test)]
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

/// The shape of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Its schema; collects the schemas it refers to.
    #[cfg(test)]
    pub(crate) schema: fn(&mut Schemas) -> RefOr<Schema>,
}

/// A `T`.
#[cfg_attr(
    not(test),
    expect(
        clippy::extra_unused_type_parameters,
        reason = "the schema of `T` is for tests"
    )
)]
pub(crate) const fn of<T: ToSchema>() -> Shape {
    Shape {
        #[cfg(test)]
        schema: reference::<T>,
    }
}

/// A list of `T`.
#[cfg_attr(
    not(test),
    expect(
        clippy::extra_unused_type_parameters,
        reason = "the schema of `T` is for tests"
    )
)]
pub(crate) const fn list_of<T: ToSchema>() -> Shape {
    Shape {
        #[cfg(test)]
        schema: |schemas| RefOr::T(Schema::Array(Array::new(reference::<T>(schemas)))),
    }
}

/// The schema of `T`, by reference.
#[cfg(test)]
pub(crate) fn reference<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}
