//! A folder is written, loaded and asked.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use pointsman_classifier::{
    Calibration, Card, Classifier, Hub, HubEnvironment, ModelSource, Queue, QueueLimits, Script,
};
use pointsman_domain::{AbstainReason, Labels, Prompt, Role, Turn};

use crate::tiny;

fn classifier() -> Classifier {
    Classifier::load(&tiny::files(), &Device::Cpu).expect("loads")
}

/// The tiny model with `card` and a head for the language that says of a prompt what the raw difficulty is beyond `beyond`.
fn with_language_head(card: Card, beyond: f32) -> Classifier {
    let mut tensors = tiny::tensors();
    let bias = (&tensors["difficulty.bias"] - f64::from(beyond)).expect("a number");
    tensors.insert("language.bias".to_owned(), bias);
    tensors.insert("language.weight".to_owned(), tensors["difficulty.weight"].clone());
    let card = Card { languages: vec!["en".parse().expect("a code")], ..card };
    Classifier::load(&tiny::files_of(card, &tensors), &Device::Cpu).expect("loads")
}

fn prompts() -> Vec<Prompt> {
    let mut prompts: Vec<Prompt> = (0..90)
        .map(|n| {
            Prompt::from_text(
                (0..=(n * 37) % 80).map(|w| format!("n{} ", (w * 7 + n) % 1000)).collect::<String>(),
            )
        })
        .collect();
    prompts.push(Prompt::from_text(""));
    prompts.push(Prompt::from_turns(vec![
        Turn { role: Role::System, text: "n1 n2 n3".to_owned() },
        Turn { role: Role::User, text: "n4".to_owned() },
        Turn { role: Role::User, text: "n5 n6".to_owned() },
    ]));
    prompts
}

fn assert_alike(a: &Labels, b: &Labels) {
    assert_eq!((&a.task, a.band, a.abstained, a.tokens), (&b.task, b.band, b.abstained, b.tokens));
    assert!((a.ability.0 - b.ability.0).abs() < 1e-4, "{} {}", a.ability, b.ability);
    for ((_, a), (_, b)) in a.task_scores.iter().zip(&b.task_scores) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn a_model_folder_is_written_loaded_and_asked() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("models/tiny");
    tiny::files().write(&path).expect("written");
    let source: ModelSource = path.to_str().expect("UTF-8").parse().expect("a folder");
    let hub = Hub::new(HubEnvironment::from_variables(|_| None));
    let files = source.open(None, &hub).expect("complete");
    assert_eq!(files, tiny::files());

    let classifier = Classifier::load(&files, &Device::Cpu).expect("loads");
    assert_eq!(classifier.card().name, "tiny");
    let [labels] = &classifier.classify(&[Prompt::from_text("n1 n2 n3")]).expect("classifies")[..] else {
        panic!("one prompt has one row of labels")
    };
    assert_eq!(labels.task_scores.len(), 17);
    assert!(labels.task_scores.iter().map(|(task, _)| task).eq(classifier.vocabulary().tasks()));
    let sum: f32 = labels.task_scores.iter().map(|(_, score)| score).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    let best = labels.task_scores.iter().map(|(_, score)| *score).fold(0.0, f32::max);
    assert_eq!(labels.task_confidence, best);
    assert_eq!((labels.tokens.0, labels.tokens_seen.0, labels.truncated()), (5, 5, false));
    assert_eq!(labels.abstained, None);
}

#[test]
fn a_batch_gives_each_prompt_the_labels_that_it_gets_alone() {
    let classifier = classifier();
    let prompts = prompts();
    let together = classifier.classify(&prompts).expect("classifies");
    assert_eq!(together.len(), prompts.len());
    for (prompt, labels) in prompts.iter().zip(&together) {
        let alone = classifier.classify(std::slice::from_ref(prompt)).expect("classifies");
        assert_alike(&alone[0], labels);
    }
    assert!(classifier.classify(&[]).expect("classifies").is_empty());
}

#[test]
fn labels_are_read_from_the_embedding() {
    let classifier = classifier();
    let calibration = &classifier.card().calibration;
    let embedded = classifier.embed(&prompts()).expect("embeds");
    for (prompt, labels) in embedded.iter().zip(classifier.classify(&prompts()).expect("classifies")) {
        assert_eq!(prompt.labels, labels);
        let width = classifier.model().width();
        let pooled = Tensor::from_slice(&prompt.embedding, (1, width), &Device::Cpu).expect("a row");
        let raw = classifier.model().heads(&pooled).expect("heads").ability.to_vec1::<f32>().expect("one")[0];
        assert!((calibration.place(raw).ability.0 - labels.ability.0).abs() < 1e-5);
    }
}

#[test]
fn different_prompts_have_different_labels() {
    let labels = classifier().classify(&prompts()).expect("classifies");
    assert!(labels.windows(2).all(|pair| pair[0].task_scores != pair[1].task_scores));
}

#[test]
fn long_prompts_are_truncated_and_say_so() {
    let long = Prompt::from_text("n1 ".repeat(500));
    let labels = &classifier().classify(&[long]).expect("classifies")[0];
    assert_eq!((labels.tokens.0, labels.tokens_seen.0, labels.truncated()), (502, 64, true));
}

#[test]
fn abstention_has_its_reasons() {
    let card = Card {
        calibration: Calibration { abstain_below: 1.0, ..Calibration::default() },
        scripts: vec![Script::Latin],
        ..tiny::card()
    };
    let unsure = Classifier::load(&tiny::files_with(card), &Device::Cpu).expect("loads");
    let reason = |text: &str| unsure.classify(&[Prompt::from_text(text)]).expect("classifies")[0].abstained;
    assert_eq!(reason("n1 n2"), Some(AbstainReason::LowConfidence));
    assert_eq!(reason(" "), Some(AbstainReason::Empty));
    assert_eq!(reason("🙂🙂"), Some(AbstainReason::NotLanguage));
    assert_eq!(reason("Что это?"), Some(AbstainReason::UnsupportedLanguage));
}

#[test]
fn what_the_language_head_says_no_to_is_in_another_language() {
    let plain = classifier().embed(&prompts()).expect("embeds");
    let raw: Vec<f32> = plain.iter().filter_map(|prompt| prompt.logits.last().copied()).collect();
    let mut sorted = raw.clone();
    sorted.sort_by(f32::total_cmp);
    let middle = f32::midpoint(sorted[sorted.len() / 2 - 1], sorted[sorted.len() / 2]);
    let labels = with_language_head(tiny::card(), middle).classify(&prompts()).expect("classifies");
    assert_eq!((raw.len(), labels.len()), (plain.len(), plain.len()));
    for ((raw, plain), labels) in raw.iter().zip(&plain).zip(&labels) {
        let foreign = (*raw < middle).then_some(AbstainReason::UnsupportedLanguage);
        let abstained = plain.labels.abstained.or(foreign);
        assert_eq!(*labels, Labels { abstained, ..plain.labels.clone() });
    }
}

#[test]
fn the_language_comes_after_the_text_and_before_the_confidence() {
    let calibration = Calibration { abstain_below: 1.0, ..Calibration::default() };
    let reason = |beyond: f32, text: &str| {
        let card = Card { calibration: calibration.clone(), ..tiny::card() };
        let classifier = with_language_head(card, beyond);
        classifier.classify(&[Prompt::from_text(text)]).expect("classifies")[0].abstained
    };
    assert_eq!(reason(1e6, "n1 n2"), Some(AbstainReason::UnsupportedLanguage));
    assert_eq!(reason(-1e6, "n1 n2"), Some(AbstainReason::LowConfidence));
    assert_eq!(reason(1e6, " "), Some(AbstainReason::Empty));
    assert_eq!(reason(1e6, "🙂🙂"), Some(AbstainReason::NotLanguage));
}

#[test]
fn a_queue_gives_the_same_labels() {
    let classifier = Arc::new(classifier());
    let queue = Queue::start(classifier.clone(), QueueLimits::default(), None).expect("threads");
    let prompts = prompts();
    let pending: Vec<_> = prompts.iter().map(|prompt| queue.submit(prompt.clone())).collect();
    // Dropping the queue finishes what is queued, so every future is ready afterwards.
    drop(queue);
    let direct = classifier.classify(&prompts).expect("classifies");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for (mut pending, direct) in pending.into_iter().zip(&direct) {
        match Future::poll(std::pin::Pin::new(&mut pending), &mut context) {
            std::task::Poll::Ready(labels) => assert_alike(&labels.expect("classified"), direct),
            std::task::Poll::Pending => panic!("not finished"),
        }
    }
}
