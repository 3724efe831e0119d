//! Tokens of Microsoft Entra ID, with which Azure is asked instead of a key.
//!
//! They are looked for where Microsoft's own libraries look, in this order: a client's secret
//! (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`), a workload's identity (`AZURE_FEDERATED_TOKEN_FILE` beside the first
//! two), the identity of an App Service (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`), the identity of the machine, and who
//! is signed in to the command `az`. The first source that is set up is asked; the last two are tried in turn.

mod sources;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use tokio::sync::Mutex;

use crate::connections::Connections;
use sources::Sources;

/// How long before its end a token is renewed.
const AHEAD: Duration = Duration::from_secs(300);

/// How long a search that found nothing is not repeated.
const PAUSE: Duration = Duration::from_secs(10);

/// How Azure is told who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AzureAuth {
    /// By the resource's key.
    #[default]
    Key,
    /// By a token of Entra ID.
    Entra,
}

/// A token that opens Azure, renewed before it ends.
pub(crate) struct Entra {
    sources: Sources,
    found: Mutex<Found>,
}

#[derive(Default)]
enum Found {
    /// No one has looked.
    #[default]
    Unknown,
    Token {
        token: Token,
        renew_at: SystemTime,
    },
    Nothing {
        why: String,
        retry_at: SystemTime,
    },
}

/// A token, and until when it is good.
#[derive(Clone)]
struct Token {
    /// The value of `authorization`, which is not shown.
    header: HeaderValue,
    lasts: Duration,
}

impl std::fmt::Debug for Entra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entra(…)")
    }
}

impl Entra {
    /// Tokens by what `environment` holds now. None is asked for before the first call.
    pub(crate) fn new(environment: &impl Fn(&str) -> Option<String>, connections: &Arc<Connections>) -> Self {
        Self { sources: Sources::read(environment, Arc::clone(connections)), found: Mutex::default() }
    }

    /// The value of `authorization` at `now`. Callers at the same time wait for one search.
    ///
    /// # Errors
    /// What the user has to set, or what the source said. No secret is in it.
    pub(crate) async fn authorization(&self, now: SystemTime) -> Result<HeaderValue, String> {
        let mut found = self.found.lock().await;
        match &*found {
            Found::Token { token, renew_at } if now < *renew_at => return Ok(token.header.clone()),
            Found::Nothing { why, retry_at } if now < *retry_at => return Err(why.clone()),
            _ => {}
        }
        match self.sources.token().await {
            Ok(token) => {
                // One that is given for a shorter time is renewed when half of it is over.
                let renew_at = now + token.lasts.saturating_sub(AHEAD).max(token.lasts / 2);
                let header = token.header.clone();
                *found = Found::Token { token, renew_at };
                Ok(header)
            }
            Err(why) => {
                *found = Found::Nothing { why: why.clone(), retry_at: now + PAUSE };
                Err(why)
            }
        }
    }
}
