//! Every message that a file can get, as a person reads it.

use std::fmt::Write as _;

use pointsman_policy::config::{Diagnostics, Document, SECTIONS, Severity, Source};

use crate::{DESIGN, read};

/// All findings in the long form.
fn report(text: &str) -> String {
    let (policy, diagnostics) = read(text);
    let errors = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(policy.is_none(), errors, "a policy exactly if there is no error");
    let mut report = String::new();
    for diagnostic in diagnostics {
        writeln!(report, "{diagnostic:#}\n").unwrap();
    }
    report
}

/// Findings in `[route]`, below two models and a default, cells that fall to the default left out.
fn rows(rows: &str) -> String {
    let (_, diagnostics) = read(&format!(
        "[models]\ncheap = \"openai/gpt-5-mini\"\nstrong = \"anthropic/opus\"\n[route]\ndefault = \"cheap\"\n{rows}\n"
    ));
    let mut report = String::new();
    for diagnostic in diagnostics.iter().filter(|diagnostic| !diagnostic.message.contains("cells fall")) {
        writeln!(report, "{diagnostic:#}").unwrap();
    }
    report
}

/// Findings in `[models]`.
fn models(models: &str) -> String {
    let (_, diagnostics) = read(&format!("[models]\n{models}\n[route]\ndefault = \"demo/echo\"\n"));
    let mut report = String::new();
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        writeln!(report, "{diagnostic:#}").unwrap();
    }
    report
}

#[test]
fn the_design_document_has_no_errors() {
    insta::assert_snapshot!(report(DESIGN));
}

#[test]
fn not_toml() {
    insta::assert_snapshot!(report("[models\ncheap = \"openai/gpt\"\n"));
    insta::assert_snapshot!(report("[route]\ndefault = \"mid\n"));
    insta::assert_snapshot!(report("[route]\ndefault = \"mid\"\ndefault = \"cheap\"\n"));
}

#[test]
fn rows_that_toml_wants_in_quotes() {
    insta::assert_snapshot!(report("[route]\ndefault = \"mid\"\n*.expert = \"strong\"\n"));
    insta::assert_snapshot!(report("[route]\ncode = \"mid\"\ncode.hard = \"strong\"\n"));
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(report(""));
}

#[test]
fn no_default() {
    insta::assert_snapshot!(report("[route]\nmath = \"demo/echo\"\n[tables.night]\n"));
}

#[test]
fn sections_of_the_wrong_kind() {
    insta::assert_snapshot!(report("models = 1\nroute = \"cheap\"\ntables = [1]\npolicy = 2024-01-01\n"));
}

#[test]
fn modes() {
    let file =
        |policy| format!("[policy]\n{policy}\n[route]\nunsure = \"demo/echo\"\ndefault = \"demo/echo\"\n");
    let errors = |policy| {
        let (_, diagnostics) = read(&file(policy));
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        errors.map(|error| format!("{error:#}\n")).collect::<String>()
    };
    assert_eq!(errors("mode = \"table\""), "");
    insta::assert_snapshot!(errors("mode = \"target\"\nquality = 0.9"));
    insta::assert_snapshot!(errors("mode = \"tabel\"\nqualty = 0.9"));
    insta::assert_snapshot!(errors("mode = true"));
}

#[test]
fn models_that_cannot_be_reached() {
    insta::assert_snapshot!(models(
        "a = \"gpt-5-mini\"\nb = \"opnai/gpt-5-mini\"\nc = \"mistral/large\"\nd = 7"
    ));
}

#[test]
fn models_with_faulty_details() {
    insta::assert_snapshot!(models(
        "a = { price = { input = 1.0 } }
b = { use = 7, contxt = 10 }
c = { use = \"demo/x\", context = 0 }
d = { use = \"demo/x\", context = 5_000_000_000 }
e = { use = \"demo/x\", price = { input = -1, output = \"2\", cahed = 1 } }
f = { use = \"demo/x\", tools = \"yes\", vision = 1, price = 3 }"
    ));
}

#[test]
fn names_of_models_that_clash() {
    insta::assert_snapshot!(models("auto = \"demo/echo\"\n\"a/b\" = \"demo/echo\"\n\"\" = \"demo/echo\""));
    insta::assert_snapshot!(report(
        "[models]\nnight = \"demo/echo\"\n[route]\ndefault = \"night\"\n[tables.night]\ndefault = \"night\"\n"
    ));
}

#[test]
fn a_table_called_auto() {
    insta::assert_snapshot!(report("[route]\ndefault = \"demo/a\"\n[tables.auto]\ndefault = \"demo/b\"\n"));
}

#[test]
fn rows_for_nothing_known() {
    insta::assert_snapshot!(rows(
        "summarisation = \"cheap\"\ncodde.hard = \"cheap\"\ncodde.easy = \"cheap\"\nhaiku = \"cheap\""
    ));
}

#[test]
fn bands_that_do_not_exist() {
    insta::assert_snapshot!(rows(
        "\"code.exprt\" = \"cheap\"\nmath.impossible = \"cheap\"\nunsure.hard = \"cheap\"\n\"chat.easy.very\" = \"cheap\""
    ));
    insta::assert_snapshot!(rows("math.hard.very = \"cheap\""));
}

#[test]
fn rows_that_name_no_model() {
    insta::assert_snapshot!(rows(
        "math = []\ncode = \"chepa\"\nchat = [\"cheap\", 3]\ntalk = \"demo\"\ntext = true"
    ));
    insta::assert_snapshot!(rows("math = \"opnai/gpt\""));
}

#[test]
fn a_model_listed_twice() {
    insta::assert_snapshot!(rows("math = [\"cheap\", \"strong\", \"cheap\"]"));
}

#[test]
fn a_row_given_twice() {
    insta::assert_snapshot!(rows("code.hard = \"cheap\"\n\"code.hard\" = \"strong\""));
}

#[test]
fn a_faulty_model_is_reported_once() {
    insta::assert_snapshot!(report(
        "[models]\na = \"nowhere\"\n[route]\ndefault = \"demo/echo\"\nmath = \"a\"\nunsure = [\"a\"]\n\
         talk = \"a\"\ntext = \"a\"\ncreate = \"a\"\ncode = \"a\"\nthink = \"a\"\n"
    ));
}

#[test]
fn rows_never_reached() {
    insta::assert_snapshot!(rows(
        "\"math\" = \"cheap\"\n\"math.easy\" = \"cheap\"\n\"think.medium\" = \"cheap\"\n\"math.hard\" = \"cheap\"\n\"*.expert\" = \"cheap\"
talk = \"cheap\"\nchat = \"cheap\"\nopen_qa = \"strong\""
    ));
}

#[test]
fn a_default_never_reached() {
    insta::assert_snapshot!(rows("\"*\" = \"cheap\"\nunsure = \"strong\""));
    assert_eq!(rows("\"*\" = \"cheap\""), "", "abstentions take the default");
}

#[test]
fn unknown_sections() {
    let source = Source::new("pointsman.toml", "[modles]\n[sever]\nlisten = 1\n[tables.x]\nfoo = 1\n");
    let document = Document::parse(&source);
    let mut diagnostics = Diagnostics::new(source.clone());
    let known: Vec<&str> = SECTIONS.into_iter().chain(["server", "providers"]).collect();
    document.check_sections(&known, &mut diagnostics);
    let text: Vec<String> = diagnostics.into_sorted().iter().map(|found| format!("{found:#}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn findings_are_data_too() {
    let (_, diagnostics) = read("[route]\ndefault = \"demo/echo\"\nmth = \"demo/echo\"\n");
    insta::assert_json_snapshot!(diagnostics);
}
