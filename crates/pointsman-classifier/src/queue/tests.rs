use std::sync::mpsc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use pointsman_domain::{Ability, Band, Difficulty, Task, TokenCount, Turn};

use super::*;

/// Polls a future on this thread, parked in between.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Reports each batch, waits for leave to go on, and gives labels whose `tokens` is the prompt's length.
struct Scripted {
    batches: mpsc::Sender<Vec<String>>,
    leave: Mutex<mpsc::Receiver<()>>,
}

/// The test's side of [`Scripted`].
struct Control {
    batches: mpsc::Receiver<Vec<String>>,
    leave: mpsc::Sender<()>,
}

impl Control {
    /// The next batch, which then runs to its end.
    fn run(&self) -> Vec<String> {
        let batch = self.batches.recv().expect("a batch");
        self.leave.send(()).expect("a labeller");
        batch
    }
}

fn scripted() -> (Arc<Scripted>, Control) {
    let (batches, seen) = mpsc::channel();
    let (leave, granted) = mpsc::channel();
    (Arc::new(Scripted { batches, leave: Mutex::new(granted) }), Control { batches: seen, leave })
}

impl Labeller for Scripted {
    fn label(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
        self.batches.send(prompts.iter().map(|p| p.subject().to_owned()).collect()).expect("a test");
        self.leave.lock().expect("one worker").recv().expect("leave");
        assert!(prompts.iter().all(|p| p.subject() != "panic"), "asked to panic");
        Ok(prompts.iter().map(|prompt| labels(prompt.subject().len())).collect())
    }

    fn work(&self, prompt: &Prompt) -> usize {
        prompt.subject().len()
    }
}

fn labels(tokens: usize) -> Labels {
    let task = Task::new("chat").expect("well formed");
    let tokens = TokenCount(u32::try_from(tokens).expect("short"));
    Labels {
        task: task.clone(),
        task_confidence: 1.0,
        task_scores: vec![(task, 1.0)],
        difficulty: Difficulty::new(0.1),
        ability: Ability(-1.0),
        ability_sd: 0.5,
        band: Band::Easy,
        band_confidence: 1.0,
        abstained: None,
        tokens,
        tokens_seen: tokens,
    }
}

fn limits() -> QueueLimits {
    QueueLimits { prompts: 4, bytes: 100, batch_prompts: 3, batch_tokens: 10, workers: 1 }
}

/// A queue whose only worker is busy with the prompt `busy`.
fn busy(limits: QueueLimits) -> (Queue, Control, Pending) {
    let (labeller, control) = scripted();
    let queue = Queue::start(labeller, limits, None).expect("threads");
    let pending = queue.submit(Prompt::from_text("busy"));
    assert_eq!(control.batches.recv().expect("a batch"), ["busy"]);
    (queue, control, pending)
}

fn submit(queue: &Queue, texts: &[&str]) -> Vec<Pending> {
    texts.iter().map(|text| queue.submit(Prompt::from_text(*text))).collect()
}

fn tokens(pending: Pending) -> Result<u32, QueueError> {
    block_on(pending).map(|labels| labels.tokens.0)
}

#[test]
fn what_queues_is_classified_together_and_answered_each() {
    let (queue, control, first) = busy(limits());
    let rest = submit(&queue, &["a", "bb", "ccc", "dddd"]);
    assert_eq!(queue.len(), 4);
    control.leave.send(()).expect("a labeller");
    assert_eq!(tokens(first), Ok(4));
    assert_eq!(control.run(), ["a", "bb", "ccc"], "three prompts at most");
    assert_eq!(control.run(), ["dddd"]);
    assert_eq!(rest.into_iter().map(tokens).collect::<Vec<_>>(), [Ok(1), Ok(2), Ok(3), Ok(4)]);
}

#[test]
fn whoever_waits_is_told_when_it_begins() {
    let (queue, control, first) = busy(limits());
    let (tell, told) = mpsc::channel();
    let pending = queue.submit_and_tell(Prompt::from_text("a"), move || tell.send(()).expect("listened to"));
    assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Empty), "the worker is busy");
    control.leave.send(()).expect("a labeller");
    assert_eq!(control.run(), ["a"]);
    assert_eq!((tokens(first), tokens(pending)), (Ok(4), Ok(1)));
    assert_eq!(told.try_recv(), Ok(()));
}

#[test]
fn a_batch_keeps_to_its_tokens_and_a_long_prompt_goes_alone() {
    let (queue, control, first) = busy(limits());
    let rest = submit(&queue, &["sixsix", "fivef", "longer than a batch", "x"]);
    control.leave.send(()).expect("a labeller");
    let batches = [control.run(), control.run(), control.run(), control.run()];
    assert_eq!(batches, [vec!["sixsix"], vec!["fivef"], vec!["longer than a batch"], vec!["x"]]);
    assert!(rest.into_iter().chain([first]).all(|pending| tokens(pending).is_ok()));
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (queue, control, _first) = busy(limits());
    let waiting = submit(&queue, &["a", "b", "c", "d"]);
    assert_eq!(
        tokens(queue.submit(Prompt::from_text("e"))),
        Err(QueueError::Full { waiting: 4, wait: None })
    );
    drop(waiting);
    let fits = queue.submit(Prompt::from_text("f"));
    assert_eq!(queue.len(), 1, "prompts whose callers have gone make room");
    control.leave.send(()).expect("a labeller");
    assert_eq!(control.run(), ["f"]);
    assert_eq!(tokens(fits), Ok(1));
}

#[test]
fn waiting_bytes_are_bounded_over_all_turns() {
    let (queue, control, _first) = busy(limits());
    let turn = || Turn { role: pointsman_domain::Role::User, text: "x".repeat(60) };
    let large = Prompt::from_turns(vec![turn(), turn()]);
    let let_in = queue.submit(large.clone());
    assert_eq!(
        tokens(queue.submit(Prompt::from_text("a"))),
        Err(QueueError::Full { waiting: 1, wait: None })
    );
    control.leave.send(()).expect("a labeller");
    control.run();
    assert_eq!(tokens(let_in), Ok(60), "a prompt above the limit is let in when nothing waits");
}

#[test]
fn cancelled_prompts_are_skipped() {
    let (queue, control, _first) = busy(limits());
    let mut pending = submit(&queue, &["a", "b", "c"]);
    drop(pending.remove(1));
    control.leave.send(()).expect("a labeller");
    assert_eq!(control.run(), ["a", "c"]);
    assert_eq!(pending.into_iter().map(tokens).collect::<Vec<_>>(), [Ok(1), Ok(1)]);
}

#[test]
fn one_bad_prompt_does_not_fail_its_neighbours() {
    let (queue, control, _first) = busy(limits());
    let pending = submit(&queue, &["a", "panic", "b"]);
    control.leave.send(()).expect("a labeller");
    assert_eq!(control.run(), ["a", "panic", "b"]);
    assert_eq!([control.run(), control.run(), control.run()], [["a"], ["panic"], ["b"]]);
    let answers: Vec<_> = pending.into_iter().map(tokens).collect();
    let failed = QueueError::Failed { message: "the classifier panicked: asked to panic".to_owned() };
    assert_eq!(answers, [Ok(1), Err(failed), Ok(1)]);
    // The worker lives on.
    let after = queue.submit(Prompt::from_text("after"));
    control.run();
    assert_eq!(tokens(after), Ok(5));
}

#[test]
fn dropping_the_queue_finishes_what_is_queued() {
    let (queue, control, first) = busy(limits());
    let rest = submit(&queue, &["a", "b"]);
    let closing = thread::spawn(move || drop(queue));
    control.leave.send(()).expect("a labeller");
    assert_eq!(control.run(), ["a", "b"]);
    closing.join().expect("drained");
    assert_eq!(rest.into_iter().chain([first]).map(tokens).collect::<Vec<_>>(), [Ok(1), Ok(1), Ok(4)]);
}

#[test]
fn many_threads_and_workers_lose_nothing() {
    struct Instant;
    impl Labeller for Instant {
        fn label(&self, prompts: &[Prompt]) -> Result<Vec<Labels>, ClassifyError> {
            Ok(prompts.iter().map(|prompt| labels(prompt.subject().len())).collect())
        }
        fn work(&self, _: &Prompt) -> usize {
            1
        }
    }
    let limits = QueueLimits { prompts: 10_000, workers: 3, ..QueueLimits::default() };
    let queue = Queue::start(Arc::new(Instant), limits, None).expect("threads");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let pending: Vec<_> =
                    (0..200).map(|n| queue.submit(Prompt::from_text("x".repeat(n)))).collect();
                for (n, pending) in pending.into_iter().enumerate() {
                    assert_eq!(tokens(pending), Ok(u32::try_from(n).expect("small")));
                }
            });
        }
    });
}
