//! `[[test]]`.

use pointsman_policy::TestBlock;

use crate::{policy, read};

const TABLE: &str = "[models]\na = \"openai/a\"\n[route]\ndefault = \"a\"\nmath = \"demo/b\"\n[tables.other]\ndefault = \"a\"\n";

#[test]
fn tests_name_models_and_tables() {
    let text = format!(
        "{TABLE}[[test]]\nprompt = \"hi\"\nexpect = \"a\"\n[[test]]\nprompt = \"1+1\"\nexpect = [\"a\", \"demo/b\"]\ntable = \"other\"\n"
    );
    let policy = policy(&text);
    let [first, second] = policy.tests() else { panic!("two tests: {:?}", policy.tests()) };
    let TestBlock { prompt, expect, table, line } = first;
    assert_eq!((prompt.as_str(), expect[0].as_str(), table.as_str(), *line), ("hi", "a", "auto", 8));
    assert_eq!((second.expect.len(), second.table.as_str(), second.line), (2, "other", 11));
}

#[test]
fn faults_of_tests_are_named() {
    let blocks = r#"[[test]]
prompt = "hi"
expect = "strong"
[[test]]
prompt = 7
expect = []
[[test]]
expect = "a"
table = "othre"
[[test]]
prompt = "hi"
expects = "a"
"#;
    let (none, found) = read(&format!("{TABLE}{blocks}"));
    assert!(none.is_none());
    let said: String = found.iter().map(|one| format!("{one:#}\n")).collect();
    insta::assert_snapshot!(said);
    let (none, found) = read(&format!("test = \"hi\"\n{TABLE}"));
    assert!(
        none.is_none() && found[0].to_string().contains("must be tables, each under [[test]]"),
        "{found:?}"
    );
}
