//! `pointsman data`: public data sets, from their publishers to rows that can be trained on.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use pointsman_classifier::Download;
use pointsman_data::{Catalogue, Fetched, Fetcher, Fingerprint, Lock, Source, prepared, read_rows, verify};
use serde::Deserialize;
use serde_json::json;

use super::Outcome;
use crate::cli::{DataArgs, DataCommand, DataFetchArgs, DataFingerprintsArgs, Global};
use crate::model;
use crate::terminal::{self, ASIDE, ERROR, GOOD, NAME, WARNING, styled};

pub(crate) fn run(command: &DataCommand, global: &Global) -> Result<Outcome> {
    match command {
        DataCommand::List(args) => list(args, global),
        DataCommand::Fetch(args) => fetch(args, global),
        DataCommand::Verify(args) => check(args, global),
        DataCommand::Fingerprints(args) => fingerprints(args),
    }
}

/// The folder that data is kept in.
#[expect(clippy::disallowed_methods, reason = "the binary is where the environment is read")]
fn folder(args: &DataArgs) -> Result<PathBuf> {
    if let Some(folder) = &args.data {
        return Ok(folder.clone());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache.context("there is no folder to keep data in; give --data DIR")?.join("pointsman").join("data"))
}

fn catalogue(args: &DataArgs) -> Result<Catalogue> {
    Catalogue::read(&args.datasets).with_context(|| {
        format!(
            "`{}` holds no manifests; run this in the repository or give --datasets DIR",
            args.datasets.display()
        )
    })
}

/// Whether a source is there, in a word.
fn state(source: &Source, data: &Path, lock: &Lock) -> &'static str {
    match (&source.unavailable, lock.sources.contains_key(&source.name)) {
        (Some(_), _) => "unavailable",
        (None, true) if prepared(data, &source.name).exists() => "fetched",
        (None, _) => "not fetched",
    }
}

fn list(args: &DataArgs, global: &Global) -> Result<Outcome> {
    let (catalogue, data) = (catalogue(args)?, folder(args)?);
    let lock = Lock::read(&data)?;
    if global.json {
        let rows: Vec<_> = catalogue.sources().iter().map(|source| {
            json!({
                "name": source.name, "licence": source.licence, "rows": source.rows, "home": source.home,
                "state": state(source, &data, &lock), "files": source.files.len(),
                "pinned": !source.files.is_empty() && source.files.iter().all(|file| file.sha256.is_some()),
                "unavailable": source.unavailable, "note": source.note,
            })
        }).collect();
        anstream::println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Outcome::Done);
    }
    anstream::println!("{}", styled(ASIDE, format_args!("data folder {}", data.display())));
    for source in catalogue.sources() {
        let (name, rows, state) = (&source.name, source.rows, state(source, &data, &lock));
        let style = if state == "fetched" { GOOD } else { ASIDE };
        let padded = format!("{name:26}");
        anstream::println!(
            "{} {rows:>6} rows  {}  {}",
            styled(NAME, padded),
            styled(style, format_args!("{state:11}")),
            source.licence
        );
        if let Some(reason) = &source.unavailable {
            anstream::println!("{:26} {}", "", styled(ASIDE, reason));
        }
    }
    Ok(Outcome::Done)
}

fn fetch(args: &DataFetchArgs, global: &Global) -> Result<Outcome> {
    let (catalogue, data) = (catalogue(&args.place)?, folder(&args.place)?);
    let every = catalogue.sources().iter().filter(|source| source.unavailable.is_none());
    let names: Vec<String> =
        if args.all { every.map(|source| source.name.clone()).collect() } else { args.names.clone() };
    // A misspelt name is refused before anything is downloaded.
    for name in &names {
        catalogue.source(name)?;
    }
    let bar = Bar::default();
    let show = |download: Download<'_>| bar.show(download);
    let hub = model::hub();
    let offline = model::hub_environment().offline;
    let fetcher = Fetcher::new(&catalogue, &data, &hub).offline(offline).with_progress(&show);
    // One publisher that cannot be reached takes nothing from the others.
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for name in &names {
        let fetched = fetcher.fetch(name);
        bar.clear();
        match fetched {
            Ok(fetched) => {
                if !global.json {
                    report(&fetched);
                }
                all.push(as_json(&fetched));
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                anstream::eprintln!("{} {name}: {error}", styled(ERROR, "error:"));
                all.push(json!({ "name": name, "error": error }));
                failures.push(name.as_str());
            }
        }
    }
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&all)?);
    }
    let (failed, of) = (failures.len(), names.len());
    ensure!(failures.is_empty(), "{failed} of {of} sources could not be fetched: {}", failures.join(", "));
    Ok(Outcome::Done)
}

fn report(fetched: &Fetched) {
    let of = fetched.listed.map_or(String::new(), |listed| format!(" of {listed} listed"));
    let (name, rows) = (styled(NAME, &fetched.name), fetched.rows);
    anstream::println!("{name}: {rows} rows{of} in {}", fetched.path.display());
    for file in &fetched.files {
        let what = match (file.cached, file.known) {
            (true, true) => "was there, as expected",
            (true, false) => "was there, trusted, its hash is recorded",
            (false, true) => "as expected",
            (false, false) => "trusted, its hash is recorded",
        };
        let what =
            if file.names_commit { what.to_owned() } else { format!("{what}; the address names no commit") };
        let line = format!("  {} {} bytes, SHA-256 {} ({what})", file.address, file.bytes, file.sha256);
        anstream::println!("{}", styled(ASIDE, line));
    }
    if fetched.listed.is_some_and(|listed| listed > fetched.rows) {
        anstream::eprintln!(
            "{} the publisher's file lacks some rows that the project uses; it is another version",
            styled(WARNING, "warning:")
        );
    }
}

fn as_json(fetched: &Fetched) -> serde_json::Value {
    let files: Vec<_> = fetched
        .files
        .iter()
        .map(|file| {
            json!({
                "address": file.address, "sha256": file.sha256, "bytes": file.bytes, "cached": file.cached,
                "hash_was_known": file.known, "names_commit": file.names_commit,
            })
        })
        .collect();
    json!({
        "name": fetched.name, "path": fetched.path, "rows": fetched.rows, "listed": fetched.listed, "files": files,
    })
}

fn check(args: &DataArgs, global: &Global) -> Result<Outcome> {
    let verification = verify(&catalogue(args)?, &folder(args)?, &model::hub())?;
    if global.json {
        let problems: Vec<_> = verification
            .problems
            .iter()
            .map(|problem| json!({ "place": problem.place, "message": problem.message }))
            .collect();
        let report = json!({
            "checked": verification.checked, "trusted": verification.trusted, "problems": problems,
        });
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for line in &verification.checked {
            anstream::println!("{} {line}", styled(GOOD, "ok"));
        }
        for line in &verification.trusted {
            anstream::println!("{}", styled(ASIDE, format_args!("trusted {line}")));
        }
        for problem in &verification.problems {
            anstream::println!("{} {}: {}", styled(ERROR, "wrong"), problem.place, problem.message);
        }
    }
    Ok(if verification.is_clean() { Outcome::Done } else { Outcome::No })
}

/// A row as far as its fingerprint needs it.
#[derive(Deserialize)]
struct TextRow {
    id: String,
    text: String,
}

fn fingerprints(args: &DataFingerprintsArgs) -> Result<Outcome> {
    for file in &args.files {
        for row in read_rows::<TextRow>(file)? {
            anstream::println!("{}\t{}", row.id, Fingerprint::of(&row.text));
        }
    }
    Ok(Outcome::Done)
}

/// A bar in bytes for the file that is being downloaded.
#[derive(Default)]
struct Bar {
    current: RefCell<Option<(String, ProgressBar)>>,
}

impl Bar {
    fn show(&self, download: Download<'_>) {
        let mut current = self.current.borrow_mut();
        if current.as_ref().is_none_or(|(file, _)| file != download.file) {
            if let Some((_, bar)) = current.take() {
                bar.finish_and_clear();
            }
            let bar = terminal::progress((download.total > 0).then_some(download.total), "bytes");
            bar.set_message(download.file.rsplit('/').next().unwrap_or_default().to_owned());
            *current = Some((download.file.to_owned(), bar));
        }
        if let Some((_, bar)) = &*current {
            bar.set_position(download.received);
        }
    }

    fn clear(&self) {
        if let Some((_, bar)) = self.current.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}
