//! Time of the embedded model's forward pass by length and batch, and of a whole classification.
//!
//!     cargo bench -p pointsman-classifier --bench encoder

use std::path::Path;

use candle_core::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pointsman_classifier::{
    Arithmetic, Classifier, Engine, EngineChoice, Hub, HubEnvironment, ModelSource, TokenBatch, TokenIds,
};
use pointsman_domain::Prompt;

fn classifier(engine: EngineChoice) -> Classifier {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/pointsman-small");
    let hub = Hub::new(HubEnvironment::from_variables(|_| None));
    let files = ModelSource::Folder(folder).open(None, &hub).expect("the model folder is in the repository");
    Classifier::load_with(&files, &Device::Cpu, engine).expect("the embedded model loads")
}

/// Rows of ids that look like text to the encoder.
fn rows(count: u32, tokens: u32) -> Vec<TokenIds> {
    (0..count)
        .map(|row| TokenIds {
            ids: (0..tokens).map(|at| 1000 + (at * 7919 + row * 104_729) % 28_000).collect(),
            type_ids: vec![0; tokens as usize],
        })
        .collect()
}

fn forward(criterion: &mut Criterion) {
    let best = Arithmetic::ALL.into_iter().filter_map(Engine::best);
    best.filter(|engine| *engine != Engine::Candle).for_each(|engine| forward_with(engine, criterion));
}

fn forward_with(engine: Engine, criterion: &mut Criterion) {
    let classifier = classifier(EngineChoice::Named(engine));
    let mut group = criterion.benchmark_group(format!("forward {engine}"));
    for (count, tokens) in [(1, 16), (1, 64), (1, 128), (1, 256), (1, 512), (32, 64)] {
        let batch = TokenBatch::new(&rows(count, tokens), &Device::Cpu).expect("rows have tokens");
        group.throughput(Throughput::Elements(u64::from(count * tokens)));
        group.bench_function(BenchmarkId::from_parameter(format!("{count}x{tokens}")), |bencher| {
            bencher.iter(|| classifier.model().forward(&batch).expect("the rows fit"));
        });
    }
}

fn classify(criterion: &mut Criterion) {
    let classifier = classifier(EngineChoice::Auto);
    let prompts =
        [Prompt::from_text("Write a function that merges two sorted lists of integers, with tests.")];
    criterion.bench_function("classify/one prompt", |bencher| {
        bencher.iter(|| classifier.classify(&prompts).expect("labels"));
    });
}

criterion_group!(benches, forward, classify);
criterion_main!(benches);
