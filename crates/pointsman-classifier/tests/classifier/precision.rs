//! Half precision against f32, on the processor, where every build can run it.

use std::path::Path;

use candle_core::{Device, Tensor};
use pointsman_classifier::{
    Classifier, EngineChoice, Hub, HubEnvironment, LoadError, ModelFiles, ModelSource, Precision, TokenBatch,
    TokenIds,
};
use pointsman_domain::Prompt;

/// How far logits may be off in half precision.
const TOLERANCE: f32 = 0.05;
/// A bound for bfloat16 on the prompts below, with 8 bits of mantissa where f16 has 11; on others it is off by more.
const BF16_TOLERANCE: f32 = 0.2;

fn files() -> ModelFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pointsman-small");
    let hub = Hub::new(HubEnvironment::from_variables(|_| None));
    ModelSource::Folder(folder).open(None, &hub).expect("the model folder is in the repository")
}

fn load(engine: &str, precision: &str) -> Result<Classifier, LoadError> {
    let (engine, precision) = (engine.parse::<EngineChoice>(), precision.parse::<Precision>());
    Classifier::load_in(&files(), &Device::Cpu, engine.expect("engine"), precision.expect("precision"))
}

/// Prompts of the project's own test split, and one that fills the window.
fn prompts() -> Vec<Prompt> {
    let mut texts: Vec<String> = [
        "hi there",
        "Prove that there are infinitely many primes.",
        "Schreibe eine Absage auf diese Einladung.",
        "def median(values):\n    \"\"\"Return the middle value.\"\"\"",
        "Which of these two reviews is the more positive one?\n1. Fine.\n2. I loved every page.",
        "Plan a week of dinners for a family of four, vegetarian on Mondays, and list what to buy.",
    ]
    .map(str::to_owned)
    .into();
    texts.push("The train was late again, and nobody said why. ".repeat(40));
    texts.into_iter().map(Prompt::from_text).collect()
}

/// The logits of each row: tasks, then ability.
fn logits(classifier: &Classifier, rows: &[TokenIds]) -> Vec<Vec<f32>> {
    let batch = TokenBatch::new(rows, &Device::Cpu).expect("rows");
    let logits = classifier.model().forward(&batch).expect("runs");
    let ability = logits.ability.unsqueeze(1).expect("a column");
    Tensor::cat(&[&logits.task, &ability], 1).and_then(|all| all.to_vec2()).expect("f32")
}

#[test]
fn half_precision_is_within_its_tolerance_of_f32_and_padding_does_not_overflow() {
    let reference = load("candle", "f32").expect("loads");
    let tokenizer = reference.tokenizer();
    let rows: Vec<TokenIds> =
        prompts().iter().map(|prompt| tokenizer.tokenize(prompt).expect("tokens").ids).collect();
    assert!(rows.iter().map(|row| row.ids.len()).max() == Some(tokenizer.window()), "a row fills the window");
    let expected = logits(&reference, &rows);
    for (precision, tolerance) in [("bf16", BF16_TOLERANCE), ("f16", TOLERANCE)] {
        let half = load("candle", precision).expect("loads");
        assert_eq!(half.precision(), precision);
        // Together, the short rows are mostly padding.
        let mut worst = 0f32;
        for (row, (found, expected)) in logits(&half, &rows).iter().zip(&expected).enumerate() {
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.is_finite(), "{precision}, row {row}");
                worst = worst.max((found - expected).abs());
            }
        }
        assert!(worst <= tolerance, "{precision}: {worst}");
        assert!(worst > 0.0, "{precision} computes in f32");
    }
}

#[test]
fn only_candle_has_other_numbers_than_f32() {
    let error = load("f32", "bf16").expect_err("refused").to_string();
    assert!(error.contains("computes in f32, not in bf16; use engine `candle`"), "{error}");
    assert_eq!(load("f32", "f32").expect("loads").precision(), "f32");
}
