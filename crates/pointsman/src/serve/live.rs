//! What may change while the sidecar runs.

use std::sync::Arc;

use pointsman_policy::{Abilities, Policy};
use pointsman_upstream::Client;

use super::keys::Keys;

/// Tables and providers of one reading of the configuration. A request keeps those that it began with.
#[derive(Debug)]
pub(super) struct Live {
    /// The tables, with their models.
    pub(super) policy: Policy,
    /// How able models are.
    pub(super) abilities: Arc<Abilities>,
    /// The providers.
    pub(super) upstream: Arc<Client>,
    /// The keys of clients.
    pub(super) keys: Keys,
}
