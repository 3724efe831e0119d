//! Two files, cell by cell.

use pointsman_policy::{PolicyDiff, Presence};

use crate::{DESIGN, policy};

fn diff(from: &str, to: &str) -> PolicyDiff {
    PolicyDiff::between((&policy(from), 0.0), (&policy(to), 0.0))
}

#[test]
fn a_file_does_not_differ_from_itself_or_from_another_way_to_write_it() {
    assert!(diff(DESIGN, DESIGN).is_empty());
    assert_eq!(diff(DESIGN, DESIGN).to_string(), "no cell and no model differs\n");
    let list = "[models]\na = \"openai/a\"\n[route]\ndefault = [\"a\"]\n# a remark\n";
    assert!(diff("[models]\na = \"openai/a\"\n[route]\ndefault = \"a\"\n", list).is_empty());
}

#[test]
fn cells_and_models_that_differ_are_named() {
    let changed = DESIGN
        .replace(
            "\"openai/gpt-5-mini\"",
            "{ use = \"openai/gpt-5-nano\", price = { input = 0.05, output = 0.4 } }",
        )
        .replace("planning           = \"mid\"", "math = [\"strong\", \"mid\"]")
        + "[tables.frugal]\ndefault = \"cheap\"\n";
    let found = diff(DESIGN, &changed);
    let tables: Vec<_> = found.tables.iter().map(|table| (table.table.as_str(), table.presence)).collect();
    assert_eq!(tables, [("auto", Presence::Both), ("frugal", Presence::Added)]);
    let cells: Vec<&str> = found.tables[0].cells.iter().map(|cell| cell.cell.as_str()).collect();
    assert!(cells.contains(&"math.easy") && !cells.contains(&"planning.easy"), "{cells:?}");
    assert!(cells.contains(&"code_completion.easy"), "its model is elsewhere: {cells:?}");
    let text = found.to_string();
    insta::assert_snapshot!(
        text.lines().filter(|line| !line.contains("completion")).take(12).collect::<Vec<_>>().join("\n")
    );
    let back = diff(&changed, DESIGN);
    assert_eq!(back.tables[1].presence, Presence::Removed);
    assert_eq!(back.tables[0].cells[0].from, found.tables[0].cells[0].to);
}

#[test]
fn a_change_that_no_cell_shows_is_said() {
    let dearer = DESIGN.replace("input = 15.0", "input = 16.0");
    insta::assert_snapshot!(diff(DESIGN, &dearer));
    let target = |quality: &str| {
        format!(
            "[policy]\nmode = \"target\"\nquality = {quality}\n[models]\nweak = \"openai/weak\"\n[route]\ndefault = \"weak\"\n"
        )
    };
    insta::assert_snapshot!(diff(&target("0.8"), &target("0.9")));
}
