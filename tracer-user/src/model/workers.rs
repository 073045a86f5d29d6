//! A server's workers, as the server itself counts them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Apache has eleven.
const MAX_STATES: usize = 64;

/// What a status page said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workers {
    /// Busy with a request or a connection; `None` when the page was read earlier but not lately,
    /// as when no worker is left to answer.
    pub busy: Option<u32>,
    /// How many there can be, if the page tells.
    pub max: Option<u32>,
    /// How many are at what, in words for people.
    #[serde(deserialize_with = "super::serial::bounded::deserialize::<_, _, MAX_STATES>")]
    pub states: Vec<(Cow<'static, str>, u32)>,
}
