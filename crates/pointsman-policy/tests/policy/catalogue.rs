//! What is known of models that the file says nothing of.

use std::sync::Arc;

use pointsman_domain::{ProviderName, TokenCount, Usd};
use pointsman_policy::config::{Document, Known, Source};
use pointsman_policy::{Catalogue, Model, Origin, Policy, Price};

use crate::known;

const CATALOGUE: &str = "# pointsman-catalogue 1\t2026-11-21\ta test
the columns
seller\tsmall\tchat\t1\t2\t0.1\t\t\t\t1000\t500\ttVs\t
seller\tlarge\tchat\t10\t20\t\t\t\t\t9000\t\t\t
";

/// The policy of a file whose provider `openai` is the catalogue's `seller`.
fn policy(text: &str) -> Policy {
    let known = Known {
        catalogue: Arc::new(Catalogue::parse(CATALOGUE).unwrap()),
        listed: [(ProviderName::new("openai"), "seller".to_owned())].into(),
        ..known()
    };
    let source = Source::new("pointsman.toml", text);
    let (policy, diagnostics) = Policy::read(&Document::parse(&source), &known);
    policy.unwrap_or_else(|| panic!("{diagnostics:#?}"))
}

fn model(policy: &Policy, name: &str) -> Model {
    policy.models().iter().find(|(own, _)| own.as_str() == name).unwrap().1.clone()
}

#[test]
fn what_the_file_does_not_say_is_as_listed() {
    let policy = policy(
        "[models]\na = \"openai/small\"\nb = { use = \"openai/small\", price = { input = 3, output = 4 }, vision = true }\n\
         c = { use = \"openai/small\", context = 4000 }\nd = \"openai/else\"\ne = \"anthropic/small\"\n\
         [route]\ndefault = \"a\"\nmath = \"openai/large\"\n",
    );
    let listed = Price { cache_read: Some(Usd(0.1)), ..Price::new(Usd(1.0), Usd(2.0)) };
    let a = model(&policy, "a");
    assert_eq!((a.price, a.price_origin), (Some(listed), Origin::Catalogue));
    assert_eq!((a.max_input, a.context), (Some(TokenCount(1000)), None));
    assert_eq!((a.capabilities.tools, a.capabilities.vision), (None, Some(false)), "only what is lacking");
    let b = model(&policy, "b");
    assert_eq!((b.price, b.price_origin), (Some(Price::new(Usd(3.0), Usd(4.0))), Origin::File));
    assert_eq!((b.max_input, b.capabilities.vision), (Some(TokenCount(1000)), Some(true)));
    let c = model(&policy, "c");
    assert_eq!((c.price, c.context, c.max_input), (Some(listed), Some(TokenCount(4000)), None));
    assert_eq!(model(&policy, "d").price, None, "not listed");
    assert_eq!(model(&policy, "e").price, None, "at a provider that is not listed");
    assert_eq!(model(&policy, "openai/large").price, Some(Price::new(Usd(10.0), Usd(20.0))));
}

#[test]
fn prices_count_for_the_hash_and_where_they_come_from_does_not() {
    let hash = |details: &str| {
        let text = format!("[models]\na = {{ use = \"openai/large\"{details} }}\n[route]\ndefault = \"a\"\n");
        policy(&text).auto().hash().clone()
    };
    assert_eq!(hash(""), hash(", price = { input = 10, output = 20 }"));
    assert_ne!(hash(""), hash(", price = { input = 10, output = 21 }"));
}
