//! Whole runs on a tiny random backbone: the same seed gives the same bytes, and a run that was cut short ends with the
//! bytes of one that was not.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use pointsman_classifier::{
    CARD_FILE, Classifier, CountWeights, EncoderConfig, Engine, Hub, HubEnvironment, Model, ModelSource,
    WEIGHTS_FILE,
};
use pointsman_domain::{AbstainReason, Prompt, Vocabulary};
use pointsman_eval::linear::Target;
use pointsman_train::corpus::{Corpus, Split};
use pointsman_train::difficulty::{DifficultyItems, Refitting, refit};
use pointsman_train::recipe::{DifficultyRecipe, Recipe};
use pointsman_train::{Backbone, Progress, Step, Training, train};
use serde_json::{Map, Value, json};

const WORDS: usize = 200;

const RECIPE: &str = r#"
name = "tiny"
version = "0.1.0"
seed = SEED
licence = "MIT"
window = 32
abstain_below = 0.3
backbone = { source = "none", name = "none", licence = "MIT", attribution = "nobody" }
split = { dev = 0.2, test = 0.1, near_duplicate = 0.9 }
augment = { case = 0.2, typos = 0.2, politeness = 0.2, system_prompt = 0.2, lead_in = 0.1, conversation = 0.1 }

[[labels]]
name = "odd"
[[labels]]
name = "even"

[[tasks]]
files = "$DATA/rows.jsonl"

[fit]
epochs = 2
batch = 4
learning_rate = 1e-3
head_learning_rate = 1e-2
warmup = 0.1
weight_decay = 0.01
clip_norm = 1.0
label_smoothing = 0.05
second_label = 0.2
dropout = 0.1
difficulty_loss = 0.5
balance = 0.5
checkpoint_every = 3
"#;

fn recipe(seed: u64, runs: usize) -> Recipe {
    let text = RECIPE.replace("SEED", &seed.to_string()).replace("[fit]", &format!("[fit]\nruns = {runs}"));
    toml::from_str(&text).expect("a recipe")
}

/// Rows of eight words whose label is the parity of the first.
fn corpus(folder: &Path, recipe: &Recipe) -> Corpus {
    let row = |row: usize| {
        let words: Vec<String> =
            (0..8).map(|i| format!("w{}", (row * 37 + i * 11 + row * i) % WORDS)).collect();
        let task = if (row * 37).is_multiple_of(2) { "even" } else { "odd" };
        json!({"id": format!("r{row}"), "text": words.join(" "), "task": task}).to_string()
    };
    std::fs::write(folder.join("rows.jsonl"), (0..48).map(row).collect::<Vec<_>>().join("\n"))
        .expect("written");
    Corpus::read(recipe, Some(folder)).expect("readable")
}

/// Words, letters and signs.
fn tokens() -> Vec<String> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(String::from);
    let letters = ('a'..='z').flat_map(|c| [c.to_string(), format!("##{c}")]);
    let signs = [":", ".", ",", "!"].map(String::from);
    special.into_iter().chain((0..WORDS).map(|n| format!("w{n}"))).chain(letters).chain(signs).collect()
}

fn tokenizer() -> Vec<u8> {
    let vocabulary: Map<String, Value> =
        tokens().into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    tokenizer.to_string().into_bytes()
}

/// Two layers of noise.
fn backbone() -> Backbone {
    let config = EncoderConfig {
        vocab: tokens().len(),
        hidden: 16,
        layers: 2,
        heads: 2,
        intermediate: 32,
        max_positions: 64,
        type_vocab: 2,
        layer_norm_eps: 1e-12,
    };
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    Model::new(&config, 2, &[2], &vb).expect("the variables have the shapes it asks for");
    let variables = variables.data().lock().expect("not poisoned");
    let tensors = variables
        .iter()
        .filter(|(name, _)| name.starts_with("embeddings.") || name.starts_with("encoder."))
        .map(|(name, variable)| (name.clone(), noise(name, variable)))
        .collect();
    let difficulty_counts = CountWeights::default();
    Backbone { config, tokenizer: tokenizer(), difficulty_layers: vec![2], difficulty_counts, tensors }
}

/// Numbers that only depend on the name (the linear congruential generator of Numerical Recipes).
fn noise(name: &str, like: &Tensor) -> Tensor {
    let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
    let mut state = name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
    let values: Vec<f32> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        centre + 0.2 * (f32::from(u16::try_from(state >> 16).expect("16 bits")) / 32_768.0 - 1.0)
    })
    .take(like.elem_count())
    .collect();
    Tensor::from_vec(values, like.shape(), &Device::Cpu).expect("the shape fits")
}

/// Copies a folder with what is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a checkpoint is there") {
        let path = entry.expect("readable").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, to).expect("copied");
        }
    }
}

/// Keeps a copy of the checkpoints as they are after some steps, as if the run had been killed there.
#[derive(Default)]
struct Kill {
    after: usize,
    from: PathBuf,
    to: PathBuf,
    losses: Vec<f32>,
    notes: Vec<String>,
}

impl Progress for Kill {
    fn step(&mut self, step: Step) {
        self.losses.push(step.loss);
        if self.losses.len() == self.after {
            copy(&self.from, &self.to);
        }
    }

    fn note(&mut self, message: &str) {
        self.notes.push(message.to_owned());
    }
}

/// Trains in `folder` and gives the bytes of the weights.
fn run(folder: &Path, recipe: &Recipe, checkpoints: &Path, progress: &mut Kill) -> Vec<u8> {
    run_from(&backbone(), folder, recipe, checkpoints, progress)
}

/// Trains from `backbone` in `folder` and gives the bytes of the weights.
fn run_from(
    backbone: &Backbone,
    folder: &Path,
    recipe: &Recipe,
    checkpoints: &Path,
    progress: &mut Kill,
) -> Vec<u8> {
    let corpus = corpus(folder, recipe);
    let training = Training {
        engine: Engine::f32(),
        recipe,
        backbone,
        corpus: &corpus,
        difficulty: None,
        out: folder,
        checkpoints,
        device: &Device::Cpu,
    };
    let trained = train(&training, progress).expect("trains");
    assert_eq!(trained.rounding.rows, corpus.side(Split::Dev).count());
    std::fs::read(folder.join("tiny").join(WEIGHTS_FILE)).expect("written")
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let checkpoints = folder.path().join("checkpoints");
    let weights = |seed| run(folder.path(), &recipe(seed, 1), &checkpoints, &mut Kill::default());
    let (first, again, other) = (weights(1), weights(1), weights(2));
    assert!(first == again && first != other);
}

#[test]
fn a_run_cut_short_ends_like_one_that_was_not() {
    // Two epochs of nine steps: the second of two fits is cut short after its eighth step.
    for (runs, after, from) in [(1, 8, 6), (2, 26, 24)] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (checkpoints, cut) = (folder.path().join("checkpoints"), folder.path().join("cut"));
        let recipe = recipe(1, runs);
        let mut whole = Kill { after, from: checkpoints.clone(), to: cut.clone(), ..Kill::default() };
        let undisturbed = run(folder.path(), &recipe, &checkpoints, &mut whole);
        let mut rest = Kill::default();
        let resumed = run(folder.path(), &recipe, &cut, &mut rest);
        assert!(rest.notes.iter().any(|note| note.contains("step 6")), "{:?}", rest.notes);
        assert_eq!(rest.losses, whole.losses[from..], "the steps after the checkpoint are the same steps");
        assert!(undisturbed == resumed);
        assert!(!cut.exists() && !checkpoints.exists(), "a finished run leaves no checkpoint");
    }
}

#[test]
fn runs_start_alike_go_different_ways_and_end_in_their_mean() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let checkpoints = folder.path().join("checkpoints");
    let mut steps = Kill::default();
    let both = run(folder.path(), &recipe(1, 2), &checkpoints, &mut steps);
    let one = run(folder.path(), &recipe(1, 1), &checkpoints, &mut Kill::default());
    let (first, second) = steps.losses.split_at(steps.losses.len() / 2);
    assert_eq!(first.len(), second.len());
    assert!(first != second && both != one);
}

#[test]
fn variations_of_a_row_are_held_together() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let checkpoints = folder.path().join("checkpoints");
    let plain = recipe(1, 1);
    let mut consistent = plain.clone();
    consistent.fit.consistency = 1.0;
    let weights = |recipe: &Recipe, steps: &mut Kill| run(folder.path(), recipe, &checkpoints, steps);
    let (mut steps, mut more) = (Kill::default(), Kill::default());
    let (without, with) = (weights(&plain, &mut steps), weights(&consistent, &mut more));
    assert_eq!(steps.losses.len(), more.losses.len(), "a step takes its rows twice");
    assert!(without != with && with == weights(&consistent, &mut Kill::default()));
}

#[test]
fn a_fit_goes_on_from_the_task_head_of_a_model() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (checkpoints, recipe) = (folder.path().join("checkpoints"), recipe(1, 1));
    let weights = run(folder.path(), &recipe, &checkpoints, &mut Kill::default());
    let card = std::fs::read_to_string(folder.path().join("tiny").join(CARD_FILE)).expect("written");
    let start = |labels: Option<&Vocabulary>| Backbone::of_model(&card, tokenizer(), &weights, labels);
    let error = start(Some(&Vocabulary::standard())).expect_err("other labels").to_string();
    assert!(error.contains("other labels than the recipe"), "{error}");
    let loss = |backbone: &Backbone| {
        let mut steps = Kill::default();
        run_from(backbone, folder.path(), &recipe, &checkpoints, &mut steps);
        steps.losses[0]
    };
    let vocabulary = recipe.vocabulary().expect("valid");
    let (kept, fresh) = (start(Some(&vocabulary)).expect("fits"), start(None).expect("fits"));
    assert!(loss(&kept) < loss(&fresh), "{} {}", loss(&kept), loss(&fresh));
}

/// Rows of eight words in two languages with ten words each; half of the rows are on the development side, a quarter on either
/// other.
fn corpus_in_two_languages(folder: &Path, recipe: &Recipe) -> Corpus {
    let mut state = 1u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let mut row = |row: usize| {
        let (language, first) = if row.is_multiple_of(3) { ("de", 100) } else { ("en", 0) };
        let words: Vec<String> = (0..8).map(|_| format!("w{}", first + draw() % 10)).collect();
        let (task, split) = (["even", "odd"][row % 2], ["train", "dev", "dev", "test"][row / 2 % 4]);
        json!({"id": format!("r{row}"), "text": words.join(" "), "task": task, "language": language, "split": split})
            .to_string()
    };
    let rows: Vec<String> = (0..800).map(&mut row).collect();
    std::fs::write(folder.join("rows.jsonl"), rows.join("\n")).expect("written");
    Corpus::read(recipe, Some(folder)).expect("readable")
}

/// Rows of the development side in `language` that the model in `folder` calls another language's.
fn called_foreign(folder: &Path, corpus: &Corpus, language: &str) -> usize {
    let hub = Hub::new(HubEnvironment::from_variables(|_| None));
    let files = ModelSource::Folder(folder.to_owned()).open(None, &hub).expect("a model folder");
    let classifier = Classifier::load(&files, &Device::Cpu).expect("loads");
    let rows = corpus.side(Split::Dev).filter(|row| row.language.as_deref() == Some(language));
    let prompts: Vec<Prompt> = rows.map(|row| row.prompt.clone()).collect();
    let labels = classifier.classify(&prompts).expect("classifies");
    labels.iter().filter(|labels| labels.abstained == Some(AbstainReason::UnsupportedLanguage)).count()
}

#[test]
fn a_head_for_languages_is_fitted_served_and_dropped_with_its_layers() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut recipe = recipe(1, 1);
    recipe.languages = vec!["en".parse().expect("a code")];
    (recipe.fit.batch, recipe.fit.epochs) = (32, 1);
    let corpus = corpus_in_two_languages(folder.path(), &recipe);
    let training = Training {
        engine: Engine::f32(),
        recipe: &recipe,
        backbone: &backbone(),
        corpus: &corpus,
        difficulty: None,
        out: folder.path(),
        checkpoints: &folder.path().join("checkpoints"),
        device: &Device::Cpu,
    };
    let mut notes = Kill::default();
    let trained = train(&training, &mut notes).expect("trains");
    assert!(notes.notes.iter().any(|note| note.starts_with("language head, ")), "{:?}", notes.notes);
    assert_eq!(trained.card.languages, recipe.languages);
    let dev = &trained.card.scores["language"]["dev"];
    let figure = |name: &str| dev[name].as_float().expect("a share");
    assert!(figure("found") > 0.5 && figure("flagged") <= 0.005, "{dev}");
    let model = folder.path().join("tiny");
    let (foreign, own) = (called_foreign(&model, &corpus, "de"), called_foreign(&model, &corpus, "en"));
    assert!(foreign > 60 && own <= 2, "{foreign} {own}");

    let card = std::fs::read_to_string(model.join(CARD_FILE)).expect("written");
    let weights = std::fs::read(model.join(WEIGHTS_FILE)).expect("written");
    let prompts: Vec<Prompt> = corpus.side(Split::Dev).map(|row| row.prompt.clone()).collect();
    let target = |row: usize| Target { b: [-1.0, 0.0, 1.0][row % 3], variance: 0.1, weight: 1.0 };
    let items = DifficultyItems {
        targets: (0..prompts.len()).map(target).collect(),
        sources: vec!["made up".to_owned(); prompts.len()],
        prompts,
    };
    let called_foreign_after = |layers: &[usize]| {
        let (outcomes, layers) = (Vec::new(), layers.to_vec());
        let out = folder.path().join("refitted");
        let refitting = Refitting {
            card: &card,
            tokenizer: &tokenizer(),
            weights: &weights,
            recipe: &DifficultyRecipe { outcomes, layers, counts: false, prior: None },
            seed: 1,
            items: &items,
            corpus: &corpus,
            languages: &[],
            out: &out,
            device: &Device::Cpu,
            engine: Engine::f32(),
        };
        let card = refit(&refitting, &mut Kill::default()).expect("fits");
        (card.languages.len(), called_foreign(&out.join("tiny"), &corpus, "de"))
    };
    assert_eq!(called_foreign_after(&[2]), (1, foreign), "the layers are the same");
    assert_eq!(called_foreign_after(&[0, 2]), (0, 0), "the head cannot read other layers");
}
