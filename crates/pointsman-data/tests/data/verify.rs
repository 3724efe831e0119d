//! What `verify` finds.

use pointsman_classifier::HubRepository;
use pointsman_data::{Fingerprint, Lock, Verification, prepared, verify};

use crate::World;

fn world() -> World {
    let world = World::new();
    world.source("s", "");
    world.server.publish("/s.jsonl", "{\"q\":\"one\"}\n{\"q\":\"two\"}\n");
    world.write("public-labels/s.jsonl", "{\"source\":\"s\",\"id\":\"s-1\",\"task\":\"math\"}\n");
    let list: String = ["one", "two"]
        .iter()
        .enumerate()
        .map(|(i, text)| format!("s-{i}\t{}\n", Fingerprint::of(text)))
        .collect();
    world.write("fingerprints/s.tsv", &list);
    world
}

fn verification(world: &World) -> Verification {
    verify(&world.catalogue(), &world.data(), &world.hub()).expect("readable")
}

fn problems(world: &World) -> Vec<String> {
    verification(world)
        .problems
        .iter()
        .map(|problem| world.shown(&format!("{}: {}", problem.place, problem.message)))
        .collect()
}

#[test]
fn nothing_is_wrong_before_and_after_a_fetch() {
    let world = world();
    assert_eq!(problems(&world), [""; 0]);
    world.fetch("s").expect("fetched");
    assert_eq!(problems(&world), [""; 0]);
    assert_eq!(
        verification(&world).checked,
        ["s: 2 rows", "s: all 1 labels find their text", "s: 2 ids stand for the listed texts"]
    );
}

#[test]
fn what_rests_on_the_first_download_is_said() {
    let world = world();
    assert_eq!(verification(&world).trusted, [""; 0], "nothing was downloaded");
    world.fetch("s").expect("fetched");
    let trusted = verification(&world).trusted;
    assert_eq!(
        trusted,
        ["s: the manifest states no hash for 1 of 1 files; lock.toml holds them to what was fetched first, \
          and 1 of their addresses name no commit"]
    );
    let sha256 =
        Lock::read(&world.data()).expect("a lock").files.into_values().next().expect("a file").sha256;
    world.source("s", &format!("sha256 = \"{sha256}\"\n"));
    assert_eq!(verification(&world).trusted, [""; 0], "the manifest states the hash");
    assert_eq!(problems(&world), [""; 0]);
    world.source("s", &format!("sha256 = \"{}\"\n", "0".repeat(64)));
    assert!(problems(&world)[0].contains("has the SHA-256"), "the manifest comes before the lock");
}

#[test]
fn a_file_that_nothing_vouches_for_is_named() {
    let world = world();
    world.fetch("s").expect("fetched");
    let lock = std::fs::read_to_string(Lock::path(&world.data())).expect("a lock");
    let kept = lock.split_once("[sources").expect("sources").1;
    std::fs::write(Lock::path(&world.data()), format!("[files]\n[sources{kept}")).expect("written");
    assert_eq!(
        problems(&world),
        [
            "s: DIR/data/raw/s/0-s.jsonl has a hash that neither the manifest nor lock.toml states; fetch it again"
        ]
    );
    assert!(!world.fetch("s").expect("there").files[0].known, "fetched again, it is vouched for");
    assert_eq!(problems(&world), [""; 0]);
}

#[test]
fn a_changed_file_in_the_cache_of_the_hub_is_named() {
    let world = World::new();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    world.write(
        "sources/s.toml",
        &format!(
            "name = \"s\"\nhome = \"h\"\nlicence = \"MIT\"\npurpose = \"tasks\"\nrows = 2\n\
             [[file]]\nhub = \"org/set@{commit}\"\npath = \"s.jsonl\"\nformat = \"jsonl\"\nid = \"s-{{row}}\"\ntext = [\"q\"]\n"
        ),
    );
    let path = format!("/datasets/org/set/resolve/{commit}/s.jsonl");
    world.server.put_on_hub(&path, "{\"q\":\"one\"}\n{\"q\":\"two\"}\n", commit);
    let file = world.fetch("s").expect("fetched").files.remove(0);
    assert!(!file.known && file.names_commit);
    assert_eq!(problems(&world), [""; 0]);
    assert!(verification(&world).trusted[0].ends_with("what was fetched first"), "it names a commit");
    let repository = format!("org/set@{commit}").parse::<HubRepository>().expect("a repository");
    let cached = world.hub().cached(&repository.of_data_set(), "s.jsonl").expect("in the cache");
    std::fs::write(cached, "{\"q\":\"three\"}\n").expect("written");
    let found = problems(&world);
    assert!(found.len() == 1 && found[0].contains("has the SHA-256"), "{found:#?}");
}

#[test]
fn what_was_changed_is_named() {
    let world = world();
    let path = world.fetch("s").expect("fetched").path;
    std::fs::write(world.data().join("raw/s/0-s.jsonl"), "{}").expect("written");
    std::fs::write(&path, "{\"id\":\"s-1\",\"text\":\"three\",\"source\":\"s\",\"license\":\"MIT\"}\n")
        .expect("written");
    let found = problems(&world);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[0].contains("0-s.jsonl has the SHA-256") && found[0].contains("fetch it again"),
        "{found:#?}"
    );
    assert_eq!(
        found[1],
        "s: DIR/data/task/s.jsonl.gz was changed after it was fetched; run `pointsman data fetch s`"
    );
    assert_eq!(found[2], "s: 1 ids stand for other texts than listed: `s-1`");
    std::fs::remove_file(prepared(&world.data(), "s")).expect("removed");
    assert!(problems(&world)[1].contains("was fetched and is gone"), "{:#?}", problems(&world));
}

#[test]
fn labels_without_a_text_and_prompts_that_are_kept_out_are_named() {
    let world = world();
    world.fetch("s").expect("fetched");
    world.write(
        "public-labels/s.jsonl",
        "{\"source\":\"s\",\"id\":\"s-9\"}\n{\"source\":\"s\",\"id\":\"s-9\"}\n{\"source\":\"t\",\"id\":\"s-0\"}\n",
    );
    world.write("kept-out.tsv", &format!("# remark\nset/4\t{}\n", Fingerprint::of("Two")));
    world.write(
        "pointsman-prompts/a.jsonl",
        "{\"id\":\"a-0\",\"messages\":[{\"role\":\"user\",\"content\":\"two\"}]}\n",
    );
    insta::assert_snapshot!(problems(&world).join("\n"), @r"
    DIR/datasets/public-labels/s.jsonl: labels `s-9` twice
    DIR/datasets/public-labels/s.jsonl: `s-0` is a row of `t`
    s: 2 of 3 labels find no text: `s-9`, `s-9`
    s: `s-1` is the prompt `set/4`, which is kept out of training; delete the row
    DIR/datasets/pointsman-prompts/a.jsonl: `a-0` is the prompt `set/4`, which is kept out of training; delete the row
    ");
}

#[test]
fn an_extract_is_held_against_its_hash() {
    let world = world();
    world.write("extracts.toml", &format!("[extracts]\n\"task/all.txt\" = \"{}\"\n", "0".repeat(64)));
    assert_eq!(problems(&world), [""; 0], "what is not there is not wrong");
    std::fs::create_dir_all(world.data().join("task")).expect("made");
    std::fs::write(world.data().join("task/all.txt"), "x").expect("written");
    assert!(
        problems(&world)[0].starts_with("task/all.txt: has the SHA-256 2d711642"),
        "{:#?}",
        problems(&world)
    );
}
