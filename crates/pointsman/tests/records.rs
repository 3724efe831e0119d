//! Records of the built server: written under load, read by the commands, whole after it was killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What a crash may lose.
const LAST_SECOND: Duration = Duration::from_secs(1);

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(args).current_dir(folder);
    for variable in ["POINTSMAN_CONFIG", "POINTSMAN_MODEL", "POINTSMAN_DEVICE", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

fn pointsman(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

/// A server that is killed, not told to end, when this is dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let mut child = command(folder, &["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut said = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let address = said
            .by_ref()
            .find_map(|line| Some(line.split_once("listens on http://")?.1.split(' ').next()?.to_owned()))
            .expect("it says where it listens");
        // A pipe that nobody reads would stop the server once it is full.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, address }
    }

    /// Posts `body` and returns the head and the body of the reply, if the server lived to send it.
    fn post(&self, path: &str, body: &str) -> Option<(String, String)> {
        let mut connection = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.write_all((head + body).as_bytes()).ok()?;
        let mut reply = String::new();
        connection.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some((head.to_owned(), body.to_owned()))
    }

    /// Has a prompt answered and returns the id of the decision.
    fn chat(&self, prompt: &str) -> Option<String> {
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": prompt}]}).to_string();
        let (head, _) = self.post("/v1/chat/completions", &body)?;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        head.lines().find_map(|line| line.strip_prefix("x-pointsman-decision: ")).map(str::to_owned)
    }

    /// Tells it to end, which it does once it has written what it has.
    fn end(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.child.wait().expect("it ends").success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // SIGKILL; that it is gone already is fine.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<std::process::ExitStatus> = self.child.wait();
    }
}

/// The built-in table, with records.
fn recording_folder(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let table = include_str!("../src/default.toml");
    let config = format!("{table}\n[record]\npath = \"records.db\"\n{more}");
    std::fs::write(folder.path().join("pointsman.toml"), config).expect("written");
    folder
}

/// Every record in the file, each of which can be read.
fn export(folder: &Path) -> Vec<Value> {
    let output = pointsman(folder, &["records", "export"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a whole record")).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is about a second of real time")]
fn a_killed_server_loses_no_more_than_the_last_second() {
    let folder = recording_folder("");
    let served = Served::start(folder.path());
    let answered: Mutex<Vec<(String, Instant)>> = Mutex::default();
    let begun = Instant::now();
    let load = || {
        for number in 0.. {
            let Some(id) = served.chat(&format!("what is {number} plus {number}?")) else {
                return;
            };
            answered.lock().expect("no panic").push((id, Instant::now()));
        }
    };
    let killed = std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(load)));
        while begun.elapsed() < LAST_SECOND * 3 {
            std::thread::yield_now();
        }
        let killed = Instant::now();
        // SIGKILL, while the load goes on.
        let pid = served.child.id().to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().expect("kill runs").success());
        killed
    });
    let answered = answered.into_inner().expect("no panic");
    drop(served);

    let again = Served::start(folder.path());
    let last = again.chat("and one more?").expect("it serves again");
    let known =
        again.post("/v1/feedback", &json!({"decision": last, "score": 1}).to_string()).expect("answered");
    assert!(known.0.starts_with("HTTP/1.1 200"), "{known:?}");
    let database = rusqlite::Connection::open(folder.path().join("records.db")).expect("opens");
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(check, "ok");
    let records = export(folder.path());
    let ids: std::collections::HashSet<&str> =
        records.iter().filter_map(|record| record["id"].as_str()).collect();
    let early: Vec<&String> =
        answered.iter().filter(|(_, at)| *at + LAST_SECOND < killed).map(|(id, _)| id).collect();
    assert!(early.len() > 20, "{} answers before the last second", early.len());
    let lost = early.iter().filter(|id| !ids.contains(id.as_str())).count();
    assert_eq!(lost, 0, "of {} answers before the last second", early.len());

    let replay = json_of(&pointsman(folder.path(), &["replay", "--json"]));
    let count = json!(replay["report"]["records"].as_u64().expect("a number"));
    assert_eq!((&replay["report"]["identical"], &replay["report"]["unfaithful"]), (&count, &json!(0)));
}

#[test]
fn records_are_listed_summed_up_exported_and_replayed() {
    let folder = recording_folder("prompts = \"full\"\n");
    let prompts = ["hi there", "Prove that there are infinitely many primes", "Write a haiku about rain"];
    {
        let served = Served::start(folder.path());
        let ids: Vec<String> = prompts.iter().map(|prompt| served.chat(prompt).expect("answered")).collect();
        let told = served.post("/v1/feedback", &json!({"decision": ids[1], "score": 0.5}).to_string());
        assert!(told.is_some_and(|(head, _)| head.starts_with("HTTP/1.1 200")));
        served.end();
    }
    let run = |args: &[&str]| pointsman(folder.path(), args);
    let listed = json_of(&run(&["records", "list", "--json"]));
    let subjects: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| &record["prompt"]["full"][0]["content"])
        .collect();
    assert_eq!(subjects, [&json!(prompts[0]), &json!(prompts[1]), &json!(prompts[2])]);
    let lines = text(&run(&["records", "list", "-n", "2"]).stdout);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.contains("score 0.5") && lines.contains("whole") && !lines.contains(prompts[1]), "{lines}");

    let stats = json_of(&run(&["records", "stats", "--json", "--since", "1h"]));
    assert_eq!(
        (&stats["records"], &stats["mean_score"], &stats["with_prompt"]),
        (&json!(3), &json!(0.5), &json!(3))
    );
    assert_eq!(stats["by"]["task"]["math"], 1, "{stats:#}");
    assert!(text(&run(&["records", "stats"]).stdout).contains("3 records, 3 with prompts"));
    assert!(stats["no_savings"].as_str().is_some_and(|why| why.contains("has a price")), "{stats:#}");
    let unknown = run(&["records", "stats", "--baseline", "strogn"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean `strong`?"), "{}", text(&unknown.stderr));
    let table = std::fs::read_to_string(folder.path().join("pointsman.toml")).expect("there");
    let priced = table
        .replace("\"demo/small\"", "{ use = \"demo/small\", price = { input = 1.0, output = 1.0 } }")
        .replace("\"demo/medium\"", "{ use = \"demo/medium\", price = { input = 2.0, output = 2.0 } }")
        .replace("\"demo/large\"", "{ use = \"demo/large\", price = { input = 9.0, output = 9.0 } }");
    std::fs::write(folder.path().join("priced.toml"), priced).expect("written");
    let stats = json_of(&run(&["records", "stats", "--json", "--config", "priced.toml"]));
    let savings = &stats["savings"];
    assert_eq!(
        (&savings["baseline"], &savings["total"]["requests"]),
        (&json!("strong"), &json!(3)),
        "{savings:#}"
    );
    assert!(savings["total"]["spent"].as_f64() < savings["total"]["baseline"].as_f64(), "{savings:#}");
    let lines = text(&run(&["records", "stats", "--config", "priced.toml", "--baseline", "strong"]).stdout);
    assert!(
        lines.contains("against strong for everything: 3 requests") && lines.contains("static mix:"),
        "{lines}"
    );

    let written = run(&["records", "export", "--out", "out.jsonl"]);
    assert!(text(&written.stderr).contains("3 records written to out.jsonl"), "{}", text(&written.stderr));
    let from_lines = json_of(&run(&["records", "list", "--json", "--records", "out.jsonl"]));
    assert_eq!(from_lines, listed, "nothing is lost on the way");
    let written = run(&["records", "export", "--format", "parquet", "--out", "out.parquet"]);
    assert!(text(&written.stderr).contains("3 records written to out.parquet"), "{}", text(&written.stderr));
    let columns = std::fs::read(folder.path().join("out.parquet")).expect("written");
    assert!(columns.starts_with(b"PAR1") && columns.ends_with(b"PAR1"), "a whole file of Parquet");

    let table = "[models]\nonly = \"demo/only\"\n[route]\ndefault = \"only\"\n";
    std::fs::write(folder.path().join("new.toml"), table).expect("written");
    for records in [&[][..], &["--records", "out.jsonl"]] {
        let replay = json_of(&run(&[&["replay", "--json", "--against", "new.toml"], records].concat()));
        assert_eq!((&replay["report"]["moved"], &replay["report"]["identical"]), (&json!(3), &json!(0)));
        assert_eq!(replay["report"]["moves"][0]["to"]["model"], "only");
    }
    let relabelled = json_of(&run(&["replay", "--json", "--relabel"]));
    assert_eq!(
        (&relabelled["report"]["identical"], &relabelled["report"]["relabelled"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(relabelled["without_prompt"], 0);

    let audit = run(&["audit", "--first-party", "demo"]);
    let said = text(&audit.stdout);
    assert_eq!(audit.status.code(), Some(0), "{said}{}", text(&audit.stderr));
    assert!(
        said.contains("All 3 decisions follow") && said.contains("demo (first-party) | 3 | 100.0 %"),
        "{said}"
    );
    let again = run(&["audit", "--first-party", "demo", "--records", "out.jsonl"]);
    assert_eq!(text(&again.stdout), said, "the same from the exported records, byte for byte");
    let page = run(&["audit", "--format", "html", "--out", "audit.html"]);
    assert!(page.stdout.is_empty() && text(&page.stderr).contains("audit.html"), "{}", text(&page.stderr));
    let page = std::fs::read_to_string(folder.path().join("audit.html")).expect("written");
    assert!(page.starts_with("<!doctype html>") && page.contains("None changes when providers are renamed."));

    let forged = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("there");
    let forged = forged.replace("\"decision\":{\"model\":\"cheap\"", "\"decision\":{\"model\":\"strong\"");
    std::fs::write(folder.path().join("forged.jsonl"), forged).expect("written");
    let caught = run(&["replay", "--records", "forged.jsonl"]);
    assert_eq!(caught.status.code(), Some(1));
    assert!(text(&caught.stdout).contains("unfaithful:"), "{}", text(&caught.stdout));
    let caught = run(&["audit", "--records", "forged.jsonl", "--json"]);
    assert_eq!(caught.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&caught.stdout).expect("JSON");
    assert!(report["replayed"]["unfaithful"].as_u64() > Some(0), "{report:#}");
}

#[test]
fn records_that_cannot_be_read_do_not_pass() {
    let folder = recording_folder("");
    let served = Served::start(folder.path());
    served.chat("hi there").expect("answered");
    served.end();
    let run = |args: &[&str]| pointsman(folder.path(), args);
    assert!(run(&["records", "export", "--out", "records.jsonl"]).status.success());
    let path = folder.path().join("records.jsonl");
    let whole = std::fs::read_to_string(&path).expect("written");
    let newer = whole.replacen("\"version\":", "\"version\":99", 1);
    assert_ne!(newer, whole);
    std::fs::write(&path, format!("{whole}{newer}{}\n", &whole[..40])).expect("written");
    for command in ["replay", "audit"] {
        let output = run(&[command, "--records", "records.jsonl"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {}{said}", text(&output.stdout));
        assert!(said.contains("unchecked: 2 records of records.jsonl cannot be read"), "{command}: {said}");
        assert!(
            said.contains("line 2: record version 99") && said.contains("line 3: not a record"),
            "{said}"
        );
    }
    let what_if = run(&["replay", "--records", "records.jsonl", "--against", "pointsman.toml"]);
    assert_eq!(what_if.status.code(), Some(0), "that is no check");
    assert!(text(&what_if.stdout).contains("2 records cannot be read and are left out"));
    let database = rusqlite::Connection::open(folder.path().join("records.db")).expect("opens");
    database.execute("UPDATE records SET decision = '{}'", []).expect("written");
    drop(database);
    for command in ["replay", "audit"] {
        let output = run(&[command]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {}{said}", text(&output.stdout));
        assert!(said.contains("unchecked: 1 records of records.db cannot be read"), "{command}: {said}");
    }
}

#[test]
fn requests_that_name_their_model_are_summed_up_and_left_aside_by_replay_and_audit() {
    let folder = recording_folder("");
    let served = Served::start(folder.path());
    served.chat("hi there").expect("answered");
    let body = json!({"model": "strong", "messages": [{"role": "user", "content": "hi there"}]}).to_string();
    let (head, reply) = served.post("/v1/chat/completions", &body).expect("answered");
    assert!(head.starts_with("HTTP/1.1 200") && !head.contains("x-pointsman-decision"), "{head}");
    served.end();
    let reply: Value = serde_json::from_str(&reply).expect("JSON");
    let run = |args: &[&str]| pointsman(folder.path(), args);

    let export = run(&["records", "export", "--out", "out.jsonl"]);
    assert!(text(&export.stderr).contains("2 records written"), "{}", text(&export.stderr));
    let lines = std::fs::read_to_string(folder.path().join("out.jsonl")).expect("written");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[1]["rule"], &lines[1]["model"]), (&json!("named"), &json!("strong")));
    assert!(lines[1].get("labels").is_none() && lines[0].get("rule").is_none());
    let usage = |line: &Value| line["answered"]["usage"]["output"].as_u64().expect("a number");
    assert_eq!(json!(usage(&lines[1])), reply["usage"]["completion_tokens"]);

    for records in [&[][..], &["--records", "out.jsonl"]] {
        let with = |args: &[&str]| run(&[args, records].concat());
        let stats = json_of(&with(&["records", "stats", "--json"]));
        assert_eq!((&stats["records"], &stats["named"]), (&json!(1), &json!(1)), "{stats:#}");
        assert_eq!(stats["output_tokens"], json!(lines.iter().map(usage).sum::<u64>()));
        assert_eq!((&stats["by"]["rule"]["named"], &stats["by"]["end"]["whole"]), (&json!(1), &json!(2)));
        let listed = json_of(&with(&["records", "list", "--json"]));
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "decisions alone");
        let replayed = with(&["replay", "--json"]);
        let replay = json_of(&replayed);
        assert_eq!((&replay["named"], &replay["report"]["records"]), (&json!(1), &json!(1)), "{replay:#}");
        let audited = with(&["audit", "--json"]);
        let audit = json_of(&audited);
        assert_eq!((&audit["named"], &audit["records"]), (&json!(1), &json!(1)), "{audit:#}");
        for output in [replayed, audited] {
            let said = text(&output.stderr);
            assert!(said.contains("1 requests named their model and are left aside"), "{said}");
        }
        let digest = Sha256::digest(std::fs::read(folder.path().join("out.jsonl")).expect("written"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(audit["records_sha256"], digest, "of the exported file, both kinds");
    }
    let columns = run(&["records", "export", "--format", "parquet", "--out", "out.parquet"]);
    let said = text(&columns.stderr);
    assert!(said.contains("1 records written") && said.contains("1 requests named their model"), "{said}");
}

/// Two records of the table as it was, which `earlier.toml` keeps, and one of the table as it is.
fn folder_of_two_versions() -> tempfile::TempDir {
    let folder = recording_folder("");
    let served = Served::start(folder.path());
    served.chat("hi there").expect("answered");
    served.chat("Write a haiku about rain").expect("answered");
    served.end();
    let (current, earlier) = (folder.path().join("pointsman.toml"), folder.path().join("earlier.toml"));
    std::fs::rename(&current, &earlier).expect("renamed");
    let table = std::fs::read_to_string(&earlier).expect("there");
    let table = table.replace("default    = \"mid\"", "default    = \"strong\"");
    let table = table.replace("talk       = \"cheap\"", "talk       = \"strong\"");
    std::fs::write(&current, table).expect("written");
    let served = Served::start(folder.path());
    served.chat("hi there").expect("answered");
    served.end();
    folder
}

#[test]
fn records_of_tables_that_are_not_at_hand_do_not_pass() {
    let folder = folder_of_two_versions();
    let run = |args: &[&str]| pointsman(folder.path(), args);
    for command in ["replay", "audit"] {
        let unchecked = run(&[command]);
        assert_eq!(unchecked.status.code(), Some(1), "{command}: {}", text(&unchecked.stdout));
        let said = text(&unchecked.stderr);
        assert!(said.contains("unchecked: 2 of 3 records") && said.contains("--table FILE"), "{said}");
        let all = run(&[command, "--table", "earlier.toml"]);
        assert_eq!(all.status.code(), Some(0), "{command}: {}{}", text(&all.stdout), text(&all.stderr));
        assert!(all.stderr.is_empty(), "{}", text(&all.stderr));
        let either = run(&[command, "--config", "earlier.toml", "--table", "pointsman.toml"]);
        assert_eq!(either.status.code(), Some(0), "{command}: whichever comes first");
        let unknown = run(&[command, "--table", "none.toml"]);
        assert_eq!(unknown.status.code(), Some(2));
        assert!(text(&unknown.stderr).contains("none.toml"), "{}", text(&unknown.stderr));
        let none = run(&[command, "--since", "2099-01-01"]);
        let said = text(&none.stdout) + &text(&none.stderr);
        assert_eq!(none.status.code(), Some(0), "{command}: {said}");
        assert!(said.contains("there are no records, so nothing was checked"), "{command}: {said}");
    }
    let (own, all) = (run(&["replay"]), run(&["replay", "--table", "earlier.toml"]));
    assert!(text(&own.stdout).contains("1 of 3 records are of this table\n"), "{}", text(&own.stdout));
    let said = text(&all.stdout);
    assert!(said.contains("3 of 3 records are of this table or of those given"), "{said}");
    let counts = |args: &[&str]| {
        let output = run(args);
        let replay: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        ["records", "own_table", "other_table", "identical"].map(|count| replay["report"][count].as_u64())
    };
    assert_eq!(counts(&["replay", "--json"])[..3], [3, 1, 2].map(Some));
    assert_eq!(counts(&["replay", "--json", "--table", "earlier.toml"]), [3, 3, 0, 3].map(Some));
    let what_if = run(&["replay", "--against", "pointsman.toml"]);
    assert_eq!(what_if.status.code(), Some(0), "that is no check");
    let both = run(&["replay", "--against", "pointsman.toml", "--table", "earlier.toml"]);
    assert_eq!(both.status.code(), Some(2), "every record is decided by the one table");

    let audit = run(&["audit", "--config", "earlier.toml", "--since", "1h", "--json"]);
    let report: Value = serde_json::from_slice(&audit.stdout).expect("JSON");
    assert_eq!(
        (&report["replayed"]["decisions"], &report["replayed"]["other_table"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn an_audit_of_a_part_is_checked_from_the_file_that_was_exported() {
    let folder = folder_of_two_versions();
    let run = |args: &[&str]| pointsman(folder.path(), args);
    assert!(run(&["records", "export", "--since", "30d", "--out", "records.jsonl"]).status.success());
    let audit = ["audit", "--records", "records.jsonl", "--table", "earlier.toml"];
    let report = text(&run(&audit).stdout);
    assert_eq!(text(&run(&audit).stdout), report, "byte for byte");
    let json: Value = serde_json::from_slice(&run(&[&audit[..], &["--json"]].concat()).stdout).expect("JSON");
    let digest = Sha256::digest(std::fs::read(folder.path().join("records.jsonl")).expect("written"));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(json["records_sha256"], digest);
    assert!(report.contains(&digest), "{report}");
    let command = "audit --config pointsman.toml --table FILE --records records.jsonl`";
    assert!(report.contains(command), "it prints how it was made: {report}");

    let exported = std::fs::read_to_string(folder.path().join("records.jsonl")).expect("written");
    let forged =
        exported.replacen("\"decision\":{\"model\":\"cheap\"", "\"decision\":{\"model\":\"strong\"", 1);
    assert_ne!(forged, exported);
    std::fs::write(folder.path().join("records.jsonl"), forged).expect("written");
    for command in ["replay", "audit"] {
        let caught = run(&[command, "--records", "records.jsonl", "--table", "earlier.toml"]);
        assert_eq!(caught.status.code(), Some(1), "{command}: {}", text(&caught.stdout));
        assert!(caught.stderr.is_empty(), "{command}: all tables are at hand: {}", text(&caught.stderr));
    }
}

#[test]
fn commands_without_records_say_where_to_find_them() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (args, said) in [
        (&["records", "list"][..], "say with --records FILE"),
        (&["replay"], "say with --records FILE"),
        (&["records", "stats", "--records", "none.db"], "none.db"),
        (&["records", "list", "--since", "yesterday"], "24h or 7d"),
        (&["replay", "--against", "none.toml"], "none.toml"),
        (&["audit"], "say with --records FILE"),
        (&["audit", "--records", "none.db"], "none.db"),
    ] {
        let output = pointsman(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(said), "{args:?}: {}", text(&output.stderr));
    }
}
