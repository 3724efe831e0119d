//! Asking providers whether they are there, so that no request has to find out that they are not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use pointsman_domain::ProviderName;
use pointsman_upstream::Client;
use tokio::time::sleep;

use super::sidecar::Sidecar;

/// How often a provider has to be missed in a row before its models are left alone.
const MISSES: u32 = 2;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How often the configuration is looked at while it asks for no checks: a change of it may ask for them.
const OFF_PAUSE: Duration = Duration::from_secs(1);

/// Asks the providers of the tables' models as often as the configuration says, for as long as the sidecar runs.
pub(super) async fn run(sidecar: Arc<Sidecar>) {
    let mut missed = BTreeMap::new();
    while !sidecar.is_draining() {
        let live = sidecar.live();
        let Some(pause) = live.upstream.failures().usual.health_check else {
            sleep(OFF_PAUSE).await;
            continue;
        };
        let models = live.policy.models().values();
        let providers: BTreeSet<&ProviderName> = models.map(|model| model.target.provider()).collect();
        check(&live.upstream, &providers, &mut missed).await;
        drop(live);
        sleep(pause).await;
    }
}

/// Asks `providers` once. `missed` is how often each has not answered in a row.
pub(super) async fn check(
    upstream: &Client,
    providers: &BTreeSet<&ProviderName>,
    missed: &mut BTreeMap<ProviderName, u32>,
) {
    let asked = providers.iter().map(|provider| upstream.probe(provider, LIMIT));
    for (provider, outcome) in providers.iter().zip(join_all(asked).await) {
        match outcome {
            None => {}
            Some(Ok(())) => {
                missed.remove(*provider);
                if upstream.breakers().present(provider) {
                    tracing::info!(%provider, "a provider is there again");
                }
            }
            Some(Err(error)) => {
                let misses = missed.entry((*provider).clone()).or_insert(0);
                *misses += 1;
                if *misses >= MISSES && upstream.breakers().missed(provider) {
                    tracing::warn!(%provider, %error, "a provider is not there, and its models are left alone");
                }
            }
        }
    }
}
