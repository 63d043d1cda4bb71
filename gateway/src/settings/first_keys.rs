//! The two first keys that an operator may give: by the environment, else by a
//! credential of systemd.
//!
//! They are read and judged here, and kept where nothing prints them.

use std::io::ErrorKind;

use zeroize::Zeroizing;

use super::Inputs;
use crate::config::{Place, Problem};

/// Environment variables (or credentials of the same, lower-case name).
const ADMIN: &str = "MFG_DRONE_ADMIN_KEY";
const READONLY: &str = "MFG_DRONE_READONLY_KEY";

/// The keys given, if any.
#[derive(Clone, Default)]
pub(super) struct GivenKeys {
    admin: Option<Zeroizing<String>>,
    readonly: Option<Zeroizing<String>>,
}

impl GivenKeys {
    /// Reads and judges them.
    pub(super) fn read(inputs: &Inputs) -> Result<GivenKeys, Vec<Problem>> {
        let (admin, readonly) = match (given(inputs, ADMIN), given(inputs, READONLY)) {
            (Ok(admin), Ok(readonly)) => (admin, readonly),
            (admin, readonly) => {
                return Err([admin.err(), readonly.err()]
                    .into_iter()
                    .flatten()
                    .collect());
            }
        };
        let keys = GivenKeys { admin, readonly };
        match access::check_given_keys(keys.admin(), keys.readonly()) {
            Ok(()) => Ok(keys),
            // The words name the variable, which is also what a credential is called.
            Err(error) => Err(vec![Problem {
                place: Place::Key("first keys".to_owned()),
                message: error.to_string(),
            }]),
        }
    }

    pub(super) fn admin(&self) -> Option<String> {
        self.admin.as_ref().map(|key| key.to_string())
    }

    pub(super) fn readonly(&self) -> Option<String> {
        self.readonly.as_ref().map(|key| key.to_string())
    }
}

/// The value of `variable`, else of the credential. An empty one is none.
fn given(inputs: &Inputs, variable: &str) -> Result<Option<Zeroizing<String>>, Problem> {
    let some = |text: &str| Some(Zeroizing::new(text.to_owned())).filter(|key| !key.is_empty());
    if let Some((_, value)) = inputs.environment.iter().find(|(name, _)| name == variable) {
        return Ok(some(value));
    }
    let Some(dir) = &inputs.credentials else {
        return Ok(None);
    };
    let path = dir.join(variable.to_lowercase());
    match std::fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(text) => Ok(some(text.trim())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem {
            message: format!("credential {variable} cannot be read: {error}"),
            place: Place::File(path),
        }),
    }
}
