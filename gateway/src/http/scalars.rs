//! Scalars of the contract: time stamps, rounded percentages, GB and MB.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

/// A time stamp as the API writes it: RFC 3339, UTC with `Z`, microseconds.
///
/// The wall clock has nanoseconds, which the contract's clients do not parse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ts(pub(crate) Timestamp);

impl Ts {
    /// The time of the answer.
    pub(crate) fn now() -> Ts {
        Ts(readings::clock::wall_now())
    }

    /// From microseconds since 1970; the ends of the range when outside it.
    pub(crate) fn from_us(us: i64) -> Ts {
        Ts(Timestamp::from_microsecond(us).unwrap_or(if us < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        }))
    }
}

impl Serialize for Ts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.6}", self.0))
    }
}

impl PartialSchema for Ts {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC with Z, at most six fractional digits"))
            .examples([serde_json::json!("2025-01-31T09:15:02.123456Z")])
            .into()
    }
}

impl ToSchema for Ts {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

/// Of what was given and refused: anything.
pub(crate) fn given() -> Schema {
    anything().description(Some("What was given")).into()
}

/// Of where that stands: a list of names and positions.
pub(crate) fn place() -> Schema {
    let about = "Where: `path`, `query` or `body`, then the field";
    let list = schema::ArrayBuilder::new().items(RefOr::T(Schema::from(anything())));
    list.description(Some(about)).into()
}

fn anything() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(schema::SchemaType::AnyValue)
}

/// The members of `T`, none of them promised: of a flattened part that may be absent.
pub(crate) fn optional<T: PartialSchema>() -> RefOr<Schema> {
    let mut members = T::schema();
    if let RefOr::T(Schema::Object(object)) = &mut members {
        object.required.clear();
    }
    members
}

/// Rounded to one decimal: processor, memory and disk percentages.
pub(crate) fn round1(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Rounded to two decimals: rates, sizes, durations.
pub(crate) fn round2(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Bytes as GB of 1024³ bytes, two decimals.
pub(crate) fn gb(bytes: u64) -> f64 {
    round2(bytes as f64 / (1024.0 * 1024.0 * 1024.0))
}

/// Bytes as MB of 1024² bytes, two decimals.
pub(crate) fn mb(bytes: u64) -> f64 {
    round2(bytes as f64 / (1024.0 * 1024.0))
}

/// `part` of `whole` in percent, two decimals; zero when there is no whole.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        round2(part as f64 * 100.0 / whole as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_have_six_fractional_digits_and_z() {
        let nanoseconds = Timestamp::from_nanosecond(1_738_314_902_123_456_789).expect("in range");
        let text = serde_json::to_string(&Ts(nanoseconds)).expect("serialises");
        assert_eq!(text, "\"2025-01-31T09:15:02.123456Z\"");
        assert_eq!(
            serde_json::to_string(&Ts::from_us(0)).expect("serialises"),
            "\"1970-01-01T00:00:00.000000Z\""
        );
        assert_eq!(Ts::from_us(i64::MAX), Ts(Timestamp::MAX));
    }

    #[test]
    fn sizes_and_rates_are_rounded_as_documented() {
        assert_eq!(gb(8 * 1024 * 1024 * 1024 + 5_000_000), 8.0);
        assert_eq!(mb(1_572_864), 1.5);
        assert_eq!(percent(1, 3), 33.33);
        assert_eq!(percent(1, 0), 0.0);
        assert_eq!(round1(85.049), 85.0);
    }
}
