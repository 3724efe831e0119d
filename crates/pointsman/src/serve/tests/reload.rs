//! Another table while requests are being answered.

use std::io;

use pointsman_record::{Record, Store};

use super::super::reload::{Cause, Reloader};
use super::upstream::{Event, Upstream};
use super::*;
use crate::config::Written;

const CHAT: &str = "/v1/chat/completions";

/// A sidecar with a file that is looked at when the test says so.
struct Reloading {
    folder: tempfile::TempDir,
    sidecar: Arc<Sidecar>,
    app: Router,
    reloader: Reloader,
}

impl Reloading {
    fn new(text: &str) -> Self {
        Self::in_folder(tempfile::tempdir().expect("temporary folder"), text)
    }

    fn in_folder(folder: tempfile::TempDir, text: &str) -> Self {
        std::fs::write(folder.path().join("pointsman.toml"), text).expect("written");
        let config = Config::load(Some(&folder.path().join("pointsman.toml"))).expect("sound");
        let sidecar = sidecar(&config, Arc::new(ByWord));
        let app = super::super::app(Arc::clone(&sidecar));
        let reloader =
            Reloader::new(Arc::clone(&sidecar), &config, Vocabulary::standard()).expect("there is a file");
        Self { folder, sidecar, app, reloader }
    }

    /// The file is looked at and found to hold `text`.
    fn look(&mut self, cause: Cause, text: &str) {
        let written = Written::beside(&self.folder.path().join("pointsman.toml"), text.to_owned());
        self.reloader.look(cause, Ok(written));
    }

    /// The files are looked at so many times, as they are.
    fn look_at_files(&mut self, times: usize) {
        for _ in 0..times {
            let read = Written::read(&self.folder.path().join("pointsman.toml"));
            self.reloader.look(Cause::Tick, read);
        }
    }

    /// The file is looked at twice and found to hold `text`.
    fn change(&mut self, text: &str) {
        for _ in 0..2 {
            self.look(Cause::Tick, text);
        }
    }

    /// Which model answers.
    async fn model(&self) -> String {
        ask(&self.app, post(CHAT, chat("auto", "hi"))).await.header("x-pointsman-model").to_owned()
    }

    async fn metric(&self, line: &str) -> bool {
        ask(&self.app, get("/metrics")).await.text().lines().any(|said| said == line)
    }
}

fn to_strong() -> String {
    DEMO.replacen("default = \"cheap\"", "default = \"strong\"", 1)
}

#[tokio::test]
async fn a_changed_table_is_used_once_it_was_seen_twice() {
    let mut reloading = Reloading::new(DEMO);
    assert_eq!(reloading.model().await, "cheap");
    reloading.look(Cause::Tick, &to_strong());
    assert_eq!(reloading.model().await, "cheap", "it may be half written");
    reloading.look(Cause::Tick, &(to_strong() + "# more\n"));
    assert_eq!(reloading.model().await, "cheap", "it was");
    reloading.look(Cause::Tick, &(to_strong() + "# more\n"));
    assert_eq!(reloading.model().await, "strong");
    assert!(reloading.metric("pointsman_config_reloads_total{outcome=\"used\"} 1").await);
    reloading.look(Cause::Hangup, DEMO);
    assert_eq!(reloading.model().await, "cheap", "whoever sends SIGHUP says that it is whole");
}

#[tokio::test]
async fn the_last_good_table_is_kept() {
    let mut reloading = Reloading::new(DEMO);
    reloading.change(&to_strong());
    for wrong in ["[route]\ndefault = \"nobody\"\n", "[route\n", "", "[server]\nlisten = 1\n"] {
        reloading.change(wrong);
        assert_eq!(reloading.model().await, "strong", "{wrong}");
    }
    for _ in 0..3 {
        reloading.reloader.look(Cause::Tick, Err(io::ErrorKind::NotFound.into()));
    }
    assert_eq!(reloading.model().await, "strong", "the file is gone");
    assert!(reloading.metric("pointsman_config_reloads_total{outcome=\"refused\"} 5").await, "each once");
    reloading.change(DEMO);
    assert_eq!(reloading.model().await, "cheap");
}

#[tokio::test]
async fn new_providers_and_tables_can_be_reached() {
    let mut reloading = Reloading::new(DEMO);
    let upstream = reloading.sidecar.live().upstream.clone();
    reloading.change(&to_strong());
    assert!(Arc::ptr_eq(&upstream, &reloading.sidecar.live().upstream), "connections are kept");
    let more =
        format!("{}[tables.other]\ndefault = \"new/x\"\n[providers.new]\nkind = \"demo\"\n", to_strong());
    reloading.change(&more);
    let answer = ask(&reloading.app, post(CHAT, chat("other", "hi"))).await;
    assert_eq!((answer.status, answer.header("x-pointsman-target")), (StatusCode::OK, "new/x"));
}

#[tokio::test]
async fn a_request_ends_under_the_table_that_it_began_with() {
    let mut upstream = Upstream::start().await;
    let folder = tempfile::tempdir().expect("temporary folder");
    let record = format!("[record]\npath = {:?}\n", folder.path().join("records.db").display().to_string());
    let before = upstream.config(&["gated"]) + &record;
    let mut reloading = Reloading::new(&before);
    let old_hash = reloading.sidecar.live().policy.auto().hash().to_string();
    let app = reloading.app.clone();
    let answer = tokio::spawn(async move { ask(&app, post(CHAT, chat("auto", "hi"))).await });
    assert!(matches!(upstream.events.recv().await, Some(Event::Asked(..))), "it has begun");
    reloading.change(&(upstream.config(&["echo"]) + &record));
    assert_eq!(reloading.model().await, "echo");
    let gate = upstream.gate.take().expect("open");
    gate.send("whole").expect("the provider listens");
    drop(gate);
    let answer = answer.await.expect("no panic");
    assert_eq!(
        (answer.status, answer.text(), answer.header("x-pointsman-model")),
        (StatusCode::OK, "whole", "gated")
    );
    reloading.sidecar.recording.finish();
    let store = Store::open(&folder.path().join("records.db")).expect("opens");
    let mut hashes = Vec::new();
    let each = |record: Result<Record, pointsman_record::StoreError>| {
        hashes.push(record?.table_hash);
        Ok::<_, pointsman_record::StoreError>(())
    };
    store.each(pointsman_record::Filter::default(), each).expect("readable");
    let new_hash = reloading.sidecar.live().policy.auto().hash().to_string();
    assert_eq!(hashes, [old_hash, new_hash]);
}

/// Two models, of which `small` is as able as said.
fn abilities(small: f32) -> String {
    format!(
        "version = \"abilities/1\"\ndate = \"2026-11-22\"\norigin = \"a test\"\ndiscrimination = {{ default = 1.0 }}\n[models]\n\
         small = {{ ability = {small:?}, se = 0.0, items = 1 }}\nlarge = {{ ability = 4.0, se = 0.0, items = 1 }}\n"
    )
}

const BY_ABILITIES: &str = r#"
[policy]
mode = "target"
quality = 0.5
abilities = "own.toml"
[models]
cheap  = { use = "demo/small", price = { input = 1, output = 1 } }
strong = { use = "demo/large", price = { input = 2, output = 2 } }
[route]
default = "strong"
"#;

#[tokio::test]
async fn a_change_of_the_abilities_alone_is_seen() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let own = folder.path().join("own.toml");
    std::fs::write(&own, abilities(4.0)).expect("written");
    let mut reloading = Reloading::in_folder(folder, BY_ABILITIES);
    reloading.look_at_files(2);
    assert_eq!(reloading.model().await, "cheap");
    assert!(
        !reloading.metric("pointsman_config_reloads_total{outcome=\"used\"} 1").await,
        "nothing has changed"
    );
    std::fs::write(&own, abilities(-9.0)).expect("written");
    reloading.look_at_files(1);
    assert_eq!(reloading.model().await, "cheap", "it may be half written");
    reloading.look_at_files(1);
    assert_eq!(reloading.model().await, "strong");
    for wrong in ["version", ""] {
        std::fs::write(&own, wrong).expect("written");
        reloading.look_at_files(3);
        assert_eq!(reloading.model().await, "strong", "{wrong:?}");
    }
    assert!(reloading.metric("pointsman_config_reloads_total{outcome=\"refused\"} 2").await, "each once");
    std::fs::remove_file(&own).expect("there");
    reloading.look_at_files(2);
    std::fs::write(&own, abilities(4.0)).expect("written");
    reloading.look_at_files(2);
    assert_eq!(reloading.model().await, "cheap", "it is there again");
}

#[test]
fn the_built_in_configuration_has_no_file_to_look_at() {
    let config = config(DEMO);
    let sidecar = sidecar(&config, Arc::new(ByWord));
    assert!(Reloader::new(sidecar, &config, Vocabulary::standard()).is_none());
}
