//! LiteLLM's `config.yaml`: `model_list`, fallbacks, and the tiers of its complexity router.

use anyhow::Result;

use super::draft::Draft;
use super::place::Place;
use super::yaml::{Yaml, entries, list, text, texts};

/// Tiers of the complexity router, and the rows that they come nearest to.
const TIERS: [(&str, &str); 4] =
    [("SIMPLE", "*.easy"), ("MEDIUM", "*.medium"), ("COMPLEX", "*.hard"), ("REASONING", "*.expert")];

pub(super) fn read(root: &Yaml, draft: &mut Draft) -> Result<()> {
    let models = list(root, "model_list");
    anyhow::ensure!(!models.is_empty(), "there is no `model_list`");
    let mut groups: Vec<String> = Vec::new();
    for entry in models {
        let name = text(entry, "model_name").unwrap_or_default();
        if is_router(entry) {
            continue;
        }
        if deployment(&name, entry, draft) && !groups.contains(&name) {
            groups.push(name);
        }
    }
    for name in &groups {
        if draft.group(name).len() > 1 {
            draft
                .leave_out(format!("balancing between the deployments of `{name}`: they are asked in order"));
        }
    }
    default(root, &groups, draft);
    models.iter().filter(|entry| is_router(entry)).for_each(|entry| router(entry, draft));
    Ok(())
}

fn is_router(entry: &Yaml) -> bool {
    text(&entry["litellm_params"], "model").is_some_and(|model| model.starts_with("auto_router/"))
}

/// One deployment of a model; whether it can be reached.
fn deployment(name: &str, entry: &Yaml, draft: &mut Draft) -> bool {
    let (params, info) = (&entry["litellm_params"], &entry["model_info"]);
    let Some(id) = text(params, "model") else {
        draft.leave_out(format!("`{name}`: it has no `model`"));
        return false;
    };
    if id.contains('*') {
        draft.leave_out(format!("`{name}`: it stands for many models"));
        return false;
    }
    if text(info, "mode").is_some_and(|mode| mode != "chat" && mode != "completion") {
        draft.leave_out(format!("`{name}`: it does not chat"));
        return false;
    }
    let (base_url, key) = (text(params, "api_base"), text(params, "api_key"));
    let api_version = text(params, "api_version");
    let place = Place {
        id: &id,
        base_url: base_url.as_deref(),
        key: key.as_deref(),
        api_version: api_version.as_deref(),
    };
    for key in ["rpm", "tpm", "weight"] {
        if !params[key].is_null() {
            draft.leave_out(format!("`{key}` of `{name}`"));
        }
    }
    draft.model(name, place, price(params).or_else(|| price(info))).is_some()
}

/// Dollars per million tokens.
fn price(node: &Yaml) -> Option<[f64; 2]> {
    let amount = |key: &str| {
        let per_token: f64 = text(node, key)?.parse().ok()?;
        // What floating point adds to 0.00000025 times a million is cut off.
        Some((per_token * 1e12).round() / 1e6).filter(|amount| amount.is_finite() && *amount >= 0.0)
    };
    Some([amount("input_cost_per_token")?, amount("output_cost_per_token")?])
}

/// The first group answers by default, and after it what is to follow if it fails.
fn default(root: &Yaml, groups: &[String], draft: &mut Draft) {
    let Some(first) = groups.first() else { return };
    draft.row("default", draft.group(first));
    for section in ["router_settings", "litellm_settings"] {
        for (from, to) in list(&root[section], "fallbacks").iter().flat_map(entries) {
            if from == *first || from == "*" {
                for name in texts(to) {
                    draft.row("default", draft.group(&name));
                }
            } else {
                draft.leave_out(format!("what follows `{from}` if it fails: write it as a list in a row"));
            }
        }
        for key in ["context_window_fallbacks", "content_policy_fallbacks"] {
            if !root[section][key].is_null() {
                draft.leave_out(format!(
                    "`{key}`: models that cannot take a request are passed over in any case"
                ));
            }
        }
        if !root[section]["routing_strategy"].is_null() {
            draft.leave_out("`routing_strategy`: rows are orders");
        }
    }
}

/// The complexity router's tiers are rows for bands; other routers of LiteLLM's go by rules that a table has no words for.
fn router(entry: &Yaml, draft: &mut Draft) {
    let name = text(entry, "model_name").unwrap_or_default();
    let params = &entry["litellm_params"];
    if text(params, "model").as_deref() != Some("auto_router/complexity_router") {
        draft.leave_out(format!("`{name}`: its routes are by example sentences"));
        return;
    }
    let tiers = &params["complexity_router_config"]["tiers"];
    for (tier, row) in TIERS {
        let named: Vec<String> = match &tiers[tier] {
            Yaml::Sequence(items) => items.iter().filter_map(tier_model).collect(),
            one => tier_model(one).into_iter().collect(),
        };
        for name in named {
            let models = draft.group(&name);
            if models.is_empty() {
                draft.leave_out(format!("tier {tier}: there is no model `{name}`"));
            }
            draft.row(row, models);
        }
    }
    if let Some(default) = text(params, "complexity_router_default_model") {
        draft.row("unsure", draft.group(&default));
    }
    draft.leave_out(format!(
        "how `{name}` judges prompts: the classifier does, and its bands are not the same as the tiers"
    ));
}

fn tier_model(node: &Yaml) -> Option<String> {
    node.as_str().map(str::to_owned).or_else(|| text(node, "model_name"))
}
