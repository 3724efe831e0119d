//! Downloads: whole, resumed, refused.

use std::io::Write;

use flate2::write::GzEncoder;
use pointsman_data::{DataError, DataRow, Fetcher, Fingerprint, Lock, read_rows};

use crate::{World, names};

const TWO: &str = "{\"q\":\"one\"}\n{\"q\":\"two\"}\n";
/// SHA-256 of [`TWO`], from coreutils' `sha256sum`.
const TWO_SHA256: &str = "6fc017e984d5d3b0a2279b65c5cae2e5cca84fec3ec80dde6fb81a7a6ba71c77";

fn ids(path: &std::path::Path) -> Vec<String> {
    read_rows::<DataRow>(path).expect("readable").into_iter().map(|row| row.id).collect()
}

#[test]
fn a_file_whose_hash_no_manifest_states_is_trusted_once() {
    let world = World::new();
    world.source("s", "");
    world.server.publish("/s.jsonl", TWO);
    let first = world.fetch("s").expect("fetched");
    assert_eq!((first.rows, first.files[0].cached, first.files[0].known), (2, false, false));
    assert_eq!(first.files[0].sha256, TWO_SHA256);
    assert_eq!(ids(&first.path), ["s-0", "s-1"]);
    let again = world.fetch("s").expect("fetched");
    assert_eq!(
        (again.files[0].cached, world.server.ranges().len()),
        (true, 1),
        "nothing is downloaded twice"
    );

    std::fs::remove_dir_all(world.data().join("raw")).expect("removed");
    world.server.publish("/s.jsonl", "{\"q\":\"three\"}\n");
    let error = world.fetch("s").expect_err("another file");
    assert!(matches!(error, DataError::Changed { .. }), "{error}");
    let message = world.shown(&error);
    assert!(
        message.contains("DIR/data/lock.toml says") && message.contains("correct that hash"),
        "{message}"
    );
    assert!(names(&world.data().join("raw/s")).is_empty(), "what is refused is deleted");
    assert_eq!(ids(&first.path), ["s-0", "s-1"], "the rows that were there stay");
}

#[test]
fn a_stated_hash_is_held_against_the_file() {
    let world = World::new();
    world.source("s", &format!("sha256 = \"{TWO_SHA256}\"\n"));
    world.server.publish("/s.jsonl", "{\"q\":\"three\"}\n");
    let error = world.fetch("s").expect_err("another file");
    assert!(world.shown(&error).contains("DIR/datasets/sources/s.toml says"), "{error}");
    world.server.publish("/s.jsonl", TWO);
    assert!(world.fetch("s").expect("the right file").files[0].known);
}

#[test]
fn a_download_that_broke_off_goes_on() {
    let world = World::new();
    world.source("s", "");
    world.server.publish_broken("/s.jsonl", TWO, 5);
    let error = world.fetch("s").expect_err("broken off");
    assert!(
        matches!(error, DataError::Network { .. }) && error.to_string().contains("goes on where it stopped"),
        "{error}"
    );
    assert_eq!(names(&world.data().join("raw/s")), ["0-s.jsonl.part", "0-s.jsonl.part-tag"]);
    assert_eq!(world.fetch("s").expect("the rest").files[0].sha256, TWO_SHA256);
    assert_eq!(world.server.ranges(), [None, Some("bytes=5-".to_owned())]);
    assert_eq!(names(&world.data().join("raw/s")), ["0-s.jsonl"]);
}

#[test]
fn a_part_of_another_version_is_not_continued() {
    let world = World::new();
    world.source("s", "");
    world.server.publish_broken("/s.jsonl", "{\"q\":\"old\"}\n", 5);
    world.fetch("s").expect_err("broken off");
    world.server.publish("/s.jsonl", TWO);
    assert_eq!(world.fetch("s").expect("the new version").files[0].sha256, TWO_SHA256);
}

#[test]
fn gzipped_files_and_lists_of_rows() {
    let world = World::new();
    world.source("s", "");
    let list: String = ["two", "gone"]
        .iter()
        .zip([7, 9])
        .map(|(text, id)| format!("s-{id}\t{}\n", Fingerprint::of(text)))
        .collect();
    world.write("fingerprints/s.tsv", &list);
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(TWO.as_bytes()).expect("written");
    world.server.publish("/s.jsonl", encoder.finish().expect("written"));
    let fetched = world.fetch("s").expect("fetched");
    assert_eq!((fetched.rows, fetched.listed), (1, Some(2)));
    assert_eq!(ids(&fetched.path), ["s-7"]);
}

#[test]
fn prompts_that_are_kept_out_are_left_out() {
    let world = World::new();
    world.source("s", "");
    world.write("kept-out.tsv", &format!("test-1\t{}\n", Fingerprint::of("One")));
    world.server.publish("/s.jsonl", TWO);
    assert_eq!(ids(&world.fetch("s").expect("fetched").path), ["s-1"]);
}

#[test]
fn a_data_set_of_the_hub() {
    let world = World::new();
    world.write(
        "sources/s.toml",
        "name = \"s\"\nhome = \"h\"\nlicence = \"MIT\"\npurpose = \"tasks\"\nrows = 2\n\
         [[file]]\nhub = \"org/set@v1\"\npath = \"a/s.jsonl\"\nformat = \"jsonl\"\nid = \"s-{row}\"\ntext = [\"q\"]\n",
    );
    let error = world.fetch("s").expect_err("not there");
    assert!(matches!(error, DataError::Hub(_)) && error.to_string().contains("(404)"), "{error}");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    world.server.put_on_hub("/datasets/org/set/resolve/v1/a/s.jsonl", TWO, commit);
    let fetched = world.fetch("s").expect("fetched");
    assert_eq!((fetched.rows, fetched.files[0].address.as_str()), (2, "hf:datasets/org/set@v1/a/s.jsonl"));
    assert_eq!(
        Lock::read(&world.data()).expect("a lock").files[&fetched.files[0].address].sha256,
        TWO_SHA256
    );
}

#[test]
fn failures_say_what_to_do() {
    let world = World::new();
    world.source("here", "");
    world.write(
        "sources/far.toml",
        "name = \"far\"\nhome = \"https://h\"\nlicence = \"MIT\"\npurpose = \"tasks\"\nrows = 2\nunavailable = \"it is drawn at random\"\n",
    );
    let message = |name| world.shown(&world.fetch(name).expect_err(name));
    insta::assert_snapshot!(message("here"), @"HOST/here.jsonl answers 404: the file was moved or is not public; look for it at the source's home and correct the manifest");
    insta::assert_snapshot!(message("far"), @"`far` cannot be fetched: it is drawn at random; it is published at https://h");
    insta::assert_snapshot!(message("hare"), @"there is no data set `hare`, did you mean `here`?; `pointsman data list` names all");
    world.server.publish("/here.jsonl", "{\"q\":\"a\"}\n{\"question\":\"b\"}\n");
    insta::assert_snapshot!(message("here"), @"DIR/data/raw/here/0-here.jsonl: row 1: there is no `q`; the published layout and the manifest's adapter disagree");
    let (catalogue, hub, data) = (world.catalogue(), world.hub(), world.data().join("other"));
    let offline = Fetcher::new(&catalogue, &data, &hub).offline(true);
    insta::assert_snapshot!(world.shown(&offline.fetch("here").expect_err("offline")), @"HOST/here.jsonl is not in the data folder and HF_HUB_OFFLINE is set; unset it once to download");
}

#[test]
fn the_manifests_of_the_repository_are_usable() {
    let datasets = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets");
    let catalogue = pointsman_data::Catalogue::read(datasets.as_ref()).expect("usable");
    assert!(catalogue.sources().len() >= 21);
    for source in catalogue.sources().iter().filter(|source| source.unavailable.is_none()) {
        let listed = pointsman_data::Listed::read(&catalogue.fingerprints(&source.name)).expect("a list");
        assert_eq!(listed.len(), source.rows, "{}", source.name);
    }
}
