//! Small samples in each format, written for these tests.

use super::*;

const ROUTELLM: &str = "prompt,small-model,large-model,large-model_response\n\
    \"Which is a prime?\nA. 4\nB. 7\nAnswer:\",True,True,B\n\
    \"Say \"\"yes\"\".\",False,True,yes\n\
    Leave me out,False,True,no\n";
const CONTAMINATED: &str =
    "{\"train_prompt\":\"x\",\"eval_prompt\":\"Leave me out\",\"train_idx\":1,\"eval_idx\":2}\n";
const QUESTIONS: &str = "{\"question_id\": 81, \"category\": \"writing\", \"turns\": [\"Write a haiku.\", \"Now in French.\"]}\n\
     {\"question_id\": 82, \"category\": \"math\", \"turns\": [\"Add 2 and 2.\", \"And 3.\"]}\n";
const JUDGEMENTS: &str = "{\"question_id\": 81, \"model\": \"small-model\", \"score\": 6, \"turn\": 1}\n\
    {\"question_id\": 81, \"model\": \"small-model\", \"score\": 9, \"turn\": 2}\n\
    {\"question_id\": 81, \"model\": \"large-model\", \"score\": 10, \"turn\": 1}\n";
const ROUTERBENCH: &str = "sample_id,prompt,eval_name,tiny/m,big-m,tiny/m|model_response,tiny/m|total_cost,big-m|total_cost,oracle_model_to_route_to\n\
    arith.1,\"['What is 1 + 1?\\nAnswer:']\",arith,1.0,0.5,2,0.00001,0.002,tiny/m\n\
    arith.2,\"['Another?']\",arith,,1.0,,0.00002,0.003,big-m\n";
const ROUTERBENCH_ROWS: &str = "{\"sample_id\":\"arith.1\",\"prompt\":\"What?\",\"eval_name\":\"arith\",\"tiny/m\":1.0,\"tiny/m|total_cost\":0.5,\"note\":3}\n";
const ARENA: &str = "[{\"global index\": \"Sums_3\", \"prompt\": \"1 + 2?\", \"prediction\": \"lab/small\", \"cost\": 1e-5, \"accuracy\": 1.0, \"for_optimality\": false},\n\
    {\"global index\": \"Sums_4\", \"prompt\": \"2 + 2?\", \"prediction\": \"lab/small\", \"cost\": 1e-5, \"accuracy\": null},\n\
    {\"global index\": \"Sums_3\", \"prompt\": \"1 + 2?\", \"prediction\": \"lab/large\", \"cost\": 2e-4, \"accuracy\": 0.5, \"for_optimality\": true}]\n";

/// Writes the files into a folder of the test's own and reads them.
fn read_files(test: &str, format: Format, files: &[(&str, &[u8])]) -> Result<Outcomes, PublishedError> {
    let folder = std::env::temp_dir().join(format!("pointsman-published-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("made");
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    for (path, (_, bytes)) in paths.iter().zip(files) {
        fs::write(path, bytes).expect("written");
    }
    let found = read(&paths, format);
    fs::remove_dir_all(&folder).expect("removed");
    found
}

/// Id, task, prompt, and outcomes as `model score cost`.
fn seen(outcomes: &Outcomes) -> Vec<(String, String, String, String)> {
    let cost = |cost: Option<f64>| cost.map_or("-".to_owned(), |cost| cost.to_string());
    let answers = |item: &Item| {
        let all = item.outcomes.iter().map(|(name, one)| format!("{name} {} {}", one.score, cost(one.cost)));
        all.collect::<Vec<_>>().join(", ")
    };
    let row = |item: &Item| {
        let task = item.task.clone().unwrap_or_default();
        (item.id.clone(), task, item.prompt.subject().to_owned(), answers(item))
    };
    outcomes.items.iter().map(row).collect()
}

fn row(id: &str, task: &str, prompt: &str, answers: &str) -> (String, String, String, String) {
    (id.to_owned(), task.to_owned(), prompt.to_owned(), answers.to_owned())
}

#[test]
fn routellm_tables_without_what_its_authors_leave_out() {
    let files =
        [("mmlu_numbers.csv", ROUTELLM.as_bytes()), ("contaminated_prompts.jsonl", CONTAMINATED.as_bytes())];
    let outcomes = read_files("routellm", Format::Auto, &files).expect("readable");
    assert_eq!(
        seen(&outcomes),
        [
            row(
                "mmlu_numbers-1",
                "mmlu_numbers",
                "Which is a prime?\nA. 4\nB. 7\nAnswer:",
                "large-model 1 -, small-model 1 -"
            ),
            row("mmlu_numbers-2", "mmlu_numbers", "Say \"yes\".", "large-model 1 -, small-model 0 -"),
        ]
    );
    assert_eq!(outcomes.items[0].source, "mmlu");
}

#[test]
fn mt_bench_is_the_mean_over_turns() {
    let files = [("question.jsonl", QUESTIONS.as_bytes()), ("judgements.jsonl", JUDGEMENTS.as_bytes())];
    let outcomes = read_files("mtbench", Format::RouteLlm, &files).expect("readable");
    assert_eq!(
        seen(&outcomes),
        [row("question-81", "writing", "Write a haiku.", "large-model 1 -, small-model 0.75 -")],
        "a question without judgements is left out"
    );
}

#[test]
fn routerbench_as_table_and_as_rows() {
    let outcomes =
        read_files("routerbench", Format::Auto, &[("rb.csv", ROUTERBENCH.as_bytes())]).expect("readable");
    assert_eq!(
        seen(&outcomes),
        [
            row("arith.1", "arith", "What is 1 + 1?\nAnswer:", "big-m 0.5 0.002, tiny/m 1 0.00001"),
            row("arith.2", "arith", "Another?", "big-m 1 0.003"),
        ]
    );
    let files = [("rb.jsonl", ROUTERBENCH_ROWS.as_bytes())];
    let outcomes = read_files("routerbench-rows", Format::RouterBench, &files).expect("readable");
    assert_eq!(seen(&outcomes), [row("arith.1", "arith", "What?", "tiny/m 1 0.5")]);
}

#[test]
fn routerarena_predictions_of_several_models_are_joined() {
    let more = "{\"global_index\":\"Sums_4\",\"prompt\":\"2 + 2?\",\"prediction\":\"lab/large\",\"accuracy\":true}\n";
    let files = [("a.json", ARENA.as_bytes()), ("b.jsonl", more.as_bytes())];
    let outcomes = read_files("arena", Format::Auto, &files).expect("readable");
    assert_eq!(
        seen(&outcomes),
        [
            row("Sums_3", "Sums", "1 + 2?", "lab/large 0.5 0.0002, lab/small 1 0.00001"),
            row("Sums_4", "Sums", "2 + 2?", "lab/large 1 -"),
        ]
    );
}

#[test]
fn our_own_rows_are_read_beside_others_and_gzip_is_unpacked() {
    use std::io::Write;
    let own = "{\"id\":\"7\",\"text\":\"hi\",\"models\":{\"m\":{\"correct\":true}}}\n{\"broken\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(ROUTELLM.as_bytes()).expect("packed");
    let packed = packed.finish().expect("packed");
    let files = [("gsm8k_responses.csv.gz", &packed[..]), ("own.jsonl", own.as_bytes())];
    let outcomes = read_files("mixed", Format::Auto, &files).expect("readable");
    assert_eq!((outcomes.items.len(), outcomes.skipped.len()), (4, 1));
    assert_eq!((outcomes.items[0].id.as_str(), outcomes.items[1].source.as_str()), ("7", "gsm8k"));
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let message = |test: &str, format, name: &str, bytes: &[u8]| {
        let error = read_files(test, format, &[(name, bytes)]).expect_err("refused").to_string();
        error.rsplit_once(name).map_or(error.clone(), |(_, message)| message.to_owned())
    };
    let cases: [(&str, Format, &[u8], &str); 7] = [
        ("pickle", Format::Auto, b"\x80\x04\x95", "this is a Python pickle"),
        ("text", Format::Auto, b"a,b\n1,2\n", "no known format"),
        ("other", Format::RouterBench, ROUTELLM.as_bytes(), "as RouteLLM's, not --format routerbench"),
        ("verdicts", Format::Auto, b"prompt,a\nx,maybe\n", "no column holds `True` and `False` alone"),
        (
            "columns",
            Format::Auto,
            b"prompt,eval_name,m,m|total_cost\nx,e,1,2\n",
            "there is no column `sample_id`",
        ),
        ("entry", Format::Auto, b"[{\"global index\":\"a\"}]", "entry 1 needs `prompt`"),
        ("judged", Format::Auto, b"{\"question_id\":1,\"score\":11,\"model\":\"m\"}", "line 1 needs"),
    ];
    for (test, format, bytes, expected) in cases {
        let found = message(test, format, "file", bytes);
        assert!(found.contains(expected), "{test}: {found}");
    }
    let missing = read(&["no/such/file"], Format::Auto).expect_err("not there");
    assert_eq!(missing.to_string(), "no/such/file: cannot be read");
    assert_eq!(
        "routerbnch".parse::<Format>().expect_err("misspelt"),
        "`routerbnch` is no format of outcomes: use auto, pointsman, routellm, routerbench, routerarena; did you mean `routerbench`?"
    );
}
