//! The first minutes: a file for what is there, completions, manual pages.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Runs the command with no keys in the environment but `keys`.
#[expect(clippy::disallowed_methods, reason = "what a program needs to run at all is passed on")]
fn pointsman(folder: &Path, args: &[&str], keys: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(args).current_dir(folder).env_clear();
    for variable in ["PATH", "HOME", "TMPDIR", "SYSTEMROOT"] {
        if let Ok(value) = std::env::var(variable) {
            command.env(variable, value);
        }
    }
    for key in keys {
        command.env(key, "planted");
    }
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server of `llama3.2` that answers one request; its address.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a caller");
        let _ = connection.read(&mut [0; 4096]).expect("a request");
        let body = r#"{"data": [{"id": "llama3.2"}]}"#;
        let length = body.len();
        write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .expect("written");
    });
    format!("http://{address}")
}

/// An address where nobody listens.
const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn a_first_file_is_written_for_what_is_there() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let keys = ["OPENAI_API_KEY"];
    let local = server();
    let written = pointsman(folder.path(), &["init", "--yes", "--server", &local], &keys);
    let said = text(&written.stderr) + &text(&written.stdout);
    assert!(written.status.success(), "{said}");
    assert!(said.contains("OPENAI_API_KEY: openai") && said.contains("llama3.2"), "{said}");
    let file = std::fs::read_to_string(folder.path().join("pointsman.toml")).expect("written");
    assert!(file.lines().count() <= 20 && !file.contains("planted"), "{file}");
    assert!(
        file.contains(&format!("base_url = \"{local}/v1\"")) && file.contains("local/llama3.2"),
        "{file}"
    );

    let check = pointsman(folder.path(), &["check", "--json"], &keys);
    let report: Value = serde_json::from_slice(&check.stdout).expect("JSON");
    assert_eq!((check.status.code(), &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    let lacking =
        report["models"].as_array().expect("a list").iter().filter(|model| !model["missing_key"].is_null());
    assert_eq!(lacking.count(), 0, "{report:#}");

    let again = pointsman(folder.path(), &["init", "--yes", "--server", NOBODY], &keys);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force replaces it"), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(folder.path().join("pointsman.toml")).expect("there"), file);
    let replaced =
        pointsman(folder.path(), &["init", "--yes", "--force", "--record", "--server", NOBODY], &[]);
    assert!(text(&replaced.stderr).contains("demo provider"), "{}", text(&replaced.stderr));
    let file = std::fs::read_to_string(folder.path().join("pointsman.toml")).expect("there");
    assert!(file.contains("demo/large") && file.contains("\n[record]"), "{file}");
    let printed = pointsman(folder.path(), &["init", "--out", "-", "--server", NOBODY], &keys);
    assert!(text(&printed.stdout).starts_with("# "), "{}", text(&printed.stdout));
}

#[test]
fn completions_and_pages_come_from_the_same_definitions() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let run = |args: &[&str]| pointsman(folder.path(), args, &[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&run(&["completions", shell]).stdout);
        assert!(script.contains("pointsman") && script.contains("first-party"), "{shell}");
    }
    let page = text(&run(&["man"]).stdout);
    assert!(page.contains(".TH pointsman 1") && page.contains("pointsman\\-check(1)"), "{page}");
    let written = run(&["man", "--out", "man1"]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    for name in ["pointsman.1", "pointsman-check.1", "pointsman-records-stats.1"] {
        let page = std::fs::read_to_string(folder.path().join("man1").join(name)).expect(name);
        assert!(page.contains(".SH NAME"), "{name}");
    }
}
