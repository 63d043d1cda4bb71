//! The alert service's journal: what it makes durable, as the store's records.

mod actions;
mod record;
mod rule_record;
mod sensors;

pub use record::StoreJournal;
pub(crate) use record::alert;
