//! Changes to the book that are not made yet: what one commit will hold.
//!
//! Pure. The committer writes a draft, makes it durable, and only then puts it into
//! the book. Reading through a draft shows the book as it will be.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::book::{Book, Cause, Moment};
use super::model::Alert;
use super::wording::AUTO;
use readings::clock::Mono;

/// Alerts added or changed, by number.
#[derive(Clone, Default)]
pub(super) struct Draft {
    changed: BTreeMap<u64, Alert>,
    /// Those that are new, with when they were raised.
    fresh: BTreeMap<u64, Mono>,
}

impl Draft {
    /// The alert as it will be.
    pub(super) fn alert<'a>(&'a self, book: &'a Book, seq: u64) -> Option<&'a Alert> {
        self.changed
            .get(&seq)
            .or_else(|| book.alert(seq).map(|alert| &**alert))
    }

    /// The newest open alert of `cause` at `subject`.
    pub(super) fn open<'a>(
        &'a self,
        book: &'a Book,
        cause: Cause<'_>,
        subject: &str,
    ) -> Option<&'a Alert> {
        self.all_open(book)
            .find(|alert| Cause::of(alert) == cause && &*alert.subject == subject)
    }

    /// Every open alert, newest first.
    pub(super) fn all_open<'a>(&'a self, book: &'a Book) -> impl Iterator<Item = &'a Alert> {
        let fresh = self
            .fresh
            .keys()
            .rev()
            .filter_map(|seq| self.changed.get(seq));
        let booked = book
            .iter()
            .map(|alert| self.changed.get(&alert.seq).unwrap_or(alert));
        fresh.chain(booked).filter(|alert| alert.is_open())
    }

    /// Adds a new alert raised at `at`.
    pub(super) fn add(&mut self, alert: Alert, at: Mono) {
        self.fresh.insert(alert.seq, at);
        self.changed.insert(alert.seq, alert);
    }

    /// Changes an alert; an unknown one is left alone.
    pub(super) fn edit(&mut self, book: &Book, seq: u64, change: impl FnOnce(&mut Alert)) {
        if let Some(alert) = self.alert(book, seq) {
            let mut alert = alert.clone();
            change(&mut alert);
            self.changed.insert(seq, alert);
        }
    }

    /// Ends an alert: cleared, and resolved where it resolves itself.
    pub(super) fn clear(&mut self, book: &Book, seq: u64, at: Mono, resolve: bool, moment: Moment) {
        let wall = moment.wall_at(at);
        self.edit(book, seq, |alert| {
            alert.cleared = Some(wall);
            if resolve {
                let auto: (_, Arc<str>) = (wall, AUTO.into());
                alert.resolved.get_or_insert(auto.clone());
                // Resolving also acknowledges.
                alert.acknowledged.get_or_insert(auto);
            }
        });
    }

    /// When the alert was raised, if it is new.
    pub(super) fn raised_at(&self, seq: u64) -> Option<Mono> {
        self.fresh.get(&seq).copied()
    }

    /// The alerts as they will be, oldest first.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.changed.values()
    }

    pub(super) fn holds(&self, seq: u64) -> bool {
        self.changed.contains_key(&seq)
    }
}
