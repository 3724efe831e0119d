//! `pointsman bench devices` from the command line to its files, beside programs that do well and badly.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{command, pointsman, text};

/// A program that speaks the protocol and says that a run takes a millisecond.
const STEADY: &str = r#"
echo loading weights
echo READY steady
while read -r verb batch length runs; do
  case "$verb" in
    emb) echo '[1, 0]' ;;
    run)
      times=0.001
      while [ "$runs" -gt 1 ]; do times="$times, 0.001"; runs=$((runs - 1)); done
      echo "{\"wall\": [$times], \"cpu\": [$times]}" ;;
    *) exit 0 ;;
  esac
done
"#;

/// One that answers something else when it is asked for times.
const RUBBISH: &str = "echo READY x; read -r q; echo '[1, 0]'; read -r q; echo oops; read -r q";

/// What a run of `devices` on the processor and beside `peers` prints, and how it ends.
fn bench(folder: &Path, devices: &str, peers: &[&str]) -> std::process::Output {
    let mut args =
        vec!["bench", "devices", "--json", "--devices", devices, "--engine", "f32", "--threads", "1"];
    args.extend(["--lengths", "8,16,24", "--batches", "1", "--seconds", "0.01", "--out", "report"]);
    args.extend(peers.iter().flat_map(|peer| ["--peer", *peer]));
    pointsman(folder, &args)
}

#[test]
fn who_fails_is_reported_in_place_and_the_others_are_measured() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs::write(folder.path().join("steady.sh"), STEADY).expect("written");
    fs::write(folder.path().join("rubbish.sh"), RUBBISH).expect("written");
    // Five questions for times belong to a shape, so that this one is gone in the middle of the second.
    let tired =
        STEADY.replace("    run)", "    run)\n      asked=$((asked + 1)); [ \"$asked\" -lt 8 ] || exit 4");
    fs::write(folder.path().join("tired.sh"), tired).expect("written");
    let itself = format!("itself='{}' bench --worker --engine f32", env!("CARGO_BIN_EXE_pointsman"));
    let peers =
        [itself.as_str(), "gone=exit 3", "rubbish=sh rubbish.sh", "tired=sh tired.sh", "steady=sh steady.sh"];
    let output = bench(folder.path(), "cpu,cuda:99", &peers);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let line = |at: usize| report["contenders"][at].clone();
    let names: Vec<Value> = (0..6).map(|at| line(at)["name"].clone()).collect();
    assert_eq!(names, ["cpu f32", "itself", "gone", "rubbish", "tired", "steady"]);
    for at in [0, 1, 5] {
        let line = line(at);
        assert!(line["error"].is_null() && line["load_s"].as_f64() > Some(0.0), "{line:#}");
        let figures = line["figures"].as_array().map(Vec::len);
        assert_eq!((figures, line["fits"].as_array().map(Vec::len)), (Some(3), Some(1)), "{line:#}");
    }
    assert!(line(1)["cosine"].as_f64() > Some(0.9999), "the same weights: {:#}", line(1));
    assert!(line(5)["cosine"].is_null(), "outputs of other widths: {:#}", line(5));
    assert_eq!(line(5)["figures"][2]["p50_s"], 0.001);
    for (at, error, figures) in [
        (2, "gone: `exit 3` ended with exit status: 3", 0),
        (3, "rubbish: `oops` has no times", 0),
        (4, "tired: `sh tired.sh` ended with exit status: 4", 1),
    ] {
        let line = line(at);
        assert!(line["error"].as_str().is_some_and(|said| said.contains(error)), "{line:#}");
        assert_eq!(line["figures"].as_array().map(Vec::len), Some(figures), "{line:#}");
    }
    assert_eq!(report["passed_over"][0]["name"], "cuda:99");
    assert!(report["passed_over"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));

    let read = |name: &str| fs::read_to_string(folder.path().join("report").join(name)).expect("written");
    assert_eq!(serde_json::from_str::<Value>(&read("report.json")).expect("JSON"), report);
    let page = read("index.html");
    assert_eq!(page.matches("<svg").count(), 2, "cost and throughput of one batch");
    assert!(page.contains("cpu f32") && page.contains("`oops` has no times"), "{page}");
}

#[test]
fn if_nobody_can_be_measured_it_fails_with_the_reasons() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (peers, said) in [
        (&["gone=exit 3"][..], "nobody could be measured:\ngone: `exit 3` ended with exit status: 3"),
        (&[], "--devices: none of them can be used; cuda:99: "),
        (&["nameless"], "--peer: write NAME=COMMAND"),
    ] {
        let output = bench(folder.path(), "cuda:99", peers);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty() && !folder.path().join("report").exists());
    }
}

#[test]
fn why_auto_passed_devices_over_is_in_the_log_once() {
    if cfg!(any(feature = "cuda", feature = "metal")) {
        return; // Then it depends on the machine.
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut server = command(folder.path(), &["serve", "--listen", "127.0.0.1:0"])
        .env("RUST_LOG", "pointsman=info")
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let lines = BufReader::new(server.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let said: Vec<String> = lines.take_while(|line| !line.contains("listens on http://")).collect();
    server.kill().and_then(|()| server.wait()).expect("ended");
    let passed_over: Vec<&String> =
        said.iter().filter(|line| line.contains("a device is passed over")).collect();
    assert_eq!(passed_over.len(), 2, "{said:#?}");
    assert!(passed_over[0].contains("device=cuda:0") && passed_over[0].contains("used=cpu"), "{said:#?}");
    assert!(passed_over[1].contains("build with `--features metal`"), "{said:#?}");
}

#[test]
fn the_shape_of_the_report_is_what_programs_may_rely_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let output = bench(folder.path(), "cpu", &[]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    let expected = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(keys(&report), expected(&["date", "machine", "model", "contenders", "passed_over"]));
    assert_eq!(report["passed_over"], json!([]));
    let line = &report["contenders"][0];
    let names =
        ["name", "command", "load_s", "peak_memory", "gpu_memory", "cosine", "figures", "fits", "error"];
    assert_eq!(keys(line), expected(&names));
    assert_eq!(line["cosine"].as_f64().map(|cosine| (cosine * 1e6).round()), Some(1e6), "its own output");
}
