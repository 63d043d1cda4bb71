//! Which operators are there: a bounded count of live connections by operator.
//!
//! A connection that can be lost is what makes an operator present. Requests
//! without one command drones too, but nobody can say when their sender is gone.

use std::sync::{Arc, Mutex, PoisonError};

use super::Operator;

/// Most operators at once: as many as there can be WebSocket clients by default.
/// Beyond it a connection is served, and its operator counts as absent: drones
/// then land by themselves, which is the safe side.
const MAX_OPERATORS: usize = 128;

/// Names with how often each is present.
type Counted = Vec<(Arc<str>, usize)>;

/// The operators that are there; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Presences(Arc<Mutex<Counted>>);

/// One live connection of an operator; it ends when this is dropped.
#[derive(Debug)]
pub struct Presence {
    all: Presences,
    id: Option<Arc<str>>,
}

impl Presences {
    /// A connection of `operator` has begun.
    #[must_use]
    pub fn enter(&self, operator: &Operator) -> Presence {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|(id, _)| *id == operator.id);
        let id = match known {
            Some(index) => {
                all[index].1 += 1;
                Some(operator.id.clone())
            }
            None if all.len() < MAX_OPERATORS => {
                all.push((operator.id.clone(), 1));
                Some(operator.id.clone())
            }
            None => None,
        };
        Presence {
            all: self.clone(),
            id,
        }
    }

    /// Whether `operator` has a live connection.
    #[must_use]
    pub fn is_there(&self, operator: &Operator) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|(id, _)| *id == operator.id)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let Some(gone) = &self.id else { return };
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = all.iter_mut().find(|(id, _)| id == gone) {
            *count -= 1;
        }
        all.retain(|(_, count)| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_there_until_the_last_connection_ends() {
        let operator = |id: &str| Operator {
            id: id.into(),
            name: "x".into(),
        };
        let all = Presences::default();
        let (first, second) = (all.enter(&operator("a")), all.enter(&operator("a")));
        drop(first);
        assert!(all.is_there(&operator("a")) && !all.is_there(&operator("b")));
        drop(second);
        assert!(!all.is_there(&operator("a")));
        let many: Vec<Presence> = (0..MAX_OPERATORS)
            .map(|n| all.enter(&operator(&n.to_string())))
            .collect();
        let beyond = all.enter(&operator("beyond"));
        assert!(!all.is_there(&operator("beyond")));
        drop((beyond, many));
        assert!(!all.is_there(&operator("0")));
    }
}
