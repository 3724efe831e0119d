//! Which of the models on this machine are small, and which are large.

use super::servers::Server;

/// A model on this machine, as the configuration names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Local {
    pub(super) target: String,
    /// Parameters in billions, if its name tells.
    size: Option<f64>,
}

impl Local {
    /// All models of `servers`, in their order.
    pub(super) fn all(servers: &[Server]) -> Vec<Self> {
        let of = |server: &Server| {
            let name = server.place.name.clone();
            let local = move |model: &String| Self { target: format!("{name}/{model}"), size: size(model) };
            server.models.iter().map(local).collect::<Vec<_>>()
        };
        servers.iter().flat_map(of).collect()
    }

    /// The smallest and the largest of `models`, where their names tell that they are not the same.
    pub(super) fn extremes(models: &[Self]) -> Option<(&Self, &Self)> {
        let sized = || models.iter().filter_map(|model| Some((model, model.size?)));
        let smallest = sized().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let largest = sized().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (smallest.1 < largest.1).then_some((smallest.0, largest.0))
    }
}

/// Billions of parameters by the name of a model: `3b`, `1.5B`, `270m`, `8x7b`.
fn size(name: &str) -> Option<f64> {
    let name = name.to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').find_map(|part| {
        let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let scale = match unit {
            "b" => 1.0,
            "m" => 1e-3,
            _ => return None,
        };
        let mut factors = number.split('x').map(|factor| factor.parse::<f64>().ok());
        factors.try_fold(scale, |product, factor| Some(product * factor?)).filter(|size| size.is_finite())
    })
}

#[cfg(test)]
mod tests {
    use super::super::servers::Place;
    use super::*;

    #[test]
    fn names_tell_sizes() {
        for (name, billions) in [
            ("llama3.2:3b", Some(3.0)),
            ("meta-llama/Llama-3.1-8B-Instruct", Some(8.0)),
            ("gemma3:270m", Some(0.27)),
            ("mixtral-8x7b", Some(56.0)),
            ("qwen3-30b-a3b", Some(30.0)),
            ("phi-4", None),
            ("llama3.2", None),
            ("b", None),
            ("größe-b", None),
            ("", None),
        ] {
            let found = size(name);
            let same = match (found, billions) {
                (Some(found), Some(billions)) => f64::abs(found - billions) < 1e-9,
                (None, None) => true,
                _ => false,
            };
            assert!(same, "{name}: {found:?}");
        }
    }

    #[test]
    fn the_smallest_and_the_largest_are_found_across_servers() {
        let server = |name: &str, models: &[&str]| Server {
            place: Place { name: name.to_owned(), base_url: String::new() },
            models: models.iter().map(|model| (*model).to_owned()).collect(),
        };
        let two = [server("ollama", &["phi-4", "a:7b", "b:3b"]), server("vllm", &["c-20B"])];
        let all = Local::all(&two);
        let targets =
            Local::extremes(&all).map(|(small, large)| (small.target.as_str(), large.target.as_str()));
        assert_eq!((all.len(), targets), (4, Some(("ollama/b:3b", "vllm/c-20B"))));
        for same in [&["a:7b", "b:7b"][..], &["a:7b", "phi-4"], &["phi-4"]] {
            assert_eq!(Local::extremes(&Local::all(&[server("ollama", same)])), None, "{same:?}");
        }
    }
}
