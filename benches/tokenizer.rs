//! Time of tokenising prompts by length, from a short one to one of which only the ends are read.
//!
//!     cargo bench -p pointsman-classifier --bench tokenizer

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pointsman_classifier::{Card, Tokenizer};
use pointsman_domain::Prompt;

/// A sentence that is repeated: words, a name, digits, code.
const SENTENCE: &str =
    "Rewrite parse_args() of tool.py so that `--limit 250` is refused, and say why it was not before. ";

fn tokenize(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pointsman-small");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("the model folder is in the repository");
    let card = String::from_utf8(read("card.toml")).expect("UTF-8");
    let window = Card::parse(&card).expect("a card").window;
    let tokenizer = Tokenizer::from_json(&read("tokenizer.json"), window).expect("a tokenizer");
    let mut group = criterion.benchmark_group("tokenize");
    for bytes in [100, 1_000, 10_000, 100_000, 10_000_000] {
        let prompt = Prompt::from_text(SENTENCE.repeat(bytes / SENTENCE.len() + 1));
        group.throughput(Throughput::Bytes(prompt.subject().len() as u64));
        group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
            bencher.iter(|| tokenizer.tokenize(&prompt).expect("text"));
        });
    }
}

criterion_group!(benches, tokenize);
criterion_main!(benches);
