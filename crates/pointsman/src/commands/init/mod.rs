//! `pointsman init`: a first `pointsman.toml` for the keys and servers that are there.

mod document;
pub(super) mod hosted;
mod local;
mod more_needed;
mod servers;

use std::io::{self, BufRead, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use pointsman_policy::Catalogue;
use serde_json::{Value, json};

use self::document::Found;
use self::servers::Server;
use super::Outcome;
use crate::cli::{Global, InitArgs};
use crate::environment;
use crate::terminal::{GOOD, NAME, WARNING, styled};

pub(crate) fn run(args: &InitArgs, global: &Global) -> Result<Outcome> {
    let places = if args.server.is_empty() { servers::usual() } else { servers::named(&args.server) };
    let found = Found { hosted: hosted::ready(environment::variable), servers: servers::look(places) };
    let asks = !args.yes && !global.json && io::stdin().is_terminal();
    let mut input = io::stdin().lock();
    if !global.json {
        tell(&found);
    }
    let exists = args.out.exists() && args.out.as_os_str() != "-";
    let may = args.force
        || !exists
        || asks && ask(&mut input, &format!("{} is there. Replace it?", args.out.display()))?;
    anyhow::ensure!(may, "{} is there already: --force replaces it, --out names another", args.out.display());
    let record = args.record || asks && ask(&mut input, "Record decisions, without prompts?")?;
    let catalogue = Catalogue::shipped();
    let text = found.document(&catalogue, record);
    write(&args.out, &text)?;
    if global.json {
        let servers: Vec<_> = found.servers.iter().map(server).collect();
        let providers: Vec<&str> = found.hosted.iter().map(|ready| ready.provider.name).collect();
        let unused = found.unused(&catalogue);
        let report = json!({ "unused": unused, "file": args.out, "providers": providers, "servers": servers, "text": text });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else if args.out.as_os_str() != "-" {
        anstream::println!("{} {}", styled(GOOD, "written:"), args.out.display());
        let unused = found.unused(&catalogue);
        if !unused.is_empty() {
            anstream::println!(
                "not used: {}; name their models in [models] to route to them",
                unused.join(", ")
            );
        }
        anstream::println!("next: `pointsman check` draws the table, `pointsman serve` answers");
    }
    Ok(Outcome::Done)
}

fn server(server: &Server) -> Value {
    json!({ "base_url": server.place.base_url, "models": server.models })
}

/// What was found, for people.
fn tell(found: &Found) {
    for ready in &found.hosted {
        anstream::eprintln!("found {}: {}", styled(NAME, ready.key), ready.provider.name);
    }
    for server in &found.servers {
        let place = &server.place;
        anstream::eprintln!(
            "found {} at {}: {}",
            styled(NAME, &place.name),
            place.base_url,
            server.models.join(", ")
        );
    }
    let more_needed = more_needed::told(environment::variable);
    for (variable, what) in &more_needed {
        anstream::eprintln!("found {}: {what}", styled(NAME, variable));
    }
    if found.hosted.is_empty() && found.servers.is_empty() {
        let nothing = if more_needed.is_empty() {
            "no key in the environment and no server on the usual ports: the built-in demo provider answers"
        } else {
            "no other key in the environment and no server on the usual ports: until then the built-in demo provider answers"
        };
        anstream::eprintln!("{}", styled(WARNING, nothing));
    }
}

/// Asks a person; no answer is a no.
fn ask(input: &mut impl BufRead, question: &str) -> Result<bool> {
    anstream::eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn write(out: &Path, text: &str) -> Result<()> {
    if out.as_os_str() == "-" {
        anstream::print!("{text}");
        return Ok(());
    }
    std::fs::write(out, text).with_context(|| format!("{}: cannot be written", out.display()))
}

#[cfg(test)]
mod tests {
    use super::ask;

    #[test]
    fn only_yes_is_yes() {
        for (answer, yes) in
            [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("no\n", false), ("yep\n", false)]
        {
            assert_eq!(ask(&mut answer.as_bytes(), "?").expect("read"), yes, "{answer:?}");
        }
    }
}
