//! A report on devices as text and page.

use pointsman_eval::devices::{Contender, CostFit, DevicesReport, Joules, Machine, PassedOver, SpeedFigure};
use pointsman_eval::report::{devices_page, write_devices};

fn contender(name: &str, factor: f64, joules: Option<f64>) -> Contender {
    let figure = |batch: usize, length: usize| {
        let seconds = factor * 1e-4 * batch as f64 * length as f64 / 16.0;
        let wall: Vec<f64> = (0..10).map(|at| seconds * (1.0 + 0.01 * f64::from(at))).collect();
        SpeedFigure::new(
            (batch, length),
            &wall,
            &wall,
            Joules { processor: joules, gpus: joules.map(|joules| 2.0 * joules) },
        )
        .expect("runs")
    };
    let figures: Vec<SpeedFigure> =
        [1, 32].into_iter().flat_map(|batch| [16, 64, 256].map(|length| figure(batch, length))).collect();
    let fits = [1, 32].into_iter().filter_map(|batch| CostFit::new(&figures, batch)).collect();
    Contender {
        name: name.to_owned(),
        command: format!("run {name} <quickly>"),
        load_s: Some(0.25),
        peak_memory: joules.map(|_| 200 << 20),
        gpu_memory: joules.map(|_| 300 << 20),
        cosine: Some(0.999_95),
        figures,
        fits,
        error: None,
    }
}

fn report() -> DevicesReport {
    DevicesReport {
        date: "2026-11-21".to_owned(),
        machine: Machine {
            processor: "Made-up 9".to_owned(),
            threads: 2,
            system: "linux x86_64".to_owned(),
            gpus: Vec::new(),
        },
        model: "tiny 1".to_owned(),
        contenders: vec![contender("cpu int8", 1.0, Some(0.5)), contender("torch", 2.5, None)],
        passed_over: Vec::new(),
    }
}

#[test]
fn who_failed_is_in_place_and_who_was_measured_is_compared() {
    let gone = Contender {
        load_s: None,
        cosine: None,
        figures: Vec::new(),
        fits: Vec::new(),
        error: Some("gone: `<x>` ended".to_owned()),
        ..contender("gone", 1.0, None)
    };
    let passed_over = vec![PassedOver { name: "cuda:0".to_owned(), reason: "not compiled in".to_owned() }];
    let report =
        DevicesReport { contenders: [vec![gone], report().contenders].concat(), passed_over, ..report() };
    let text = report.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let place = lines.iter().position(|line| line.starts_with("gone ")).expect("its line");
    assert_eq!(lines[place].split_whitespace().collect::<Vec<_>>(), ["gone", "–", "–", "–", "–"]);
    assert_eq!(lines[place + 1].trim_start(), "failed: gone: `<x>` ended");
    assert!(lines.contains(&"cuda:0    passed over: not compiled in"), "{text}");
    assert_eq!(report.reference().map(|first| first.name.as_str()), Some("cpu int8"));
    assert!(text.contains(" 2.50 "), "times are relative to the first that was measured: {text}");
    let page = devices_page(&report);
    assert!(page.contains("failed: gone: `&lt;x&gt;` ended"), "{page}");
    assert!(page.contains("cuda:0 was passed over: not compiled in"), "{page}");
}

#[test]
fn figures_are_beside_the_first_contender() {
    let text = report().to_string();
    assert!(text.starts_with("tiny 1 on Made-up 9, 2 threads, linux x86_64\n"), "{text}");
    let figure = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name) && line.contains("   32    256 "));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .split_whitespace()
            .rev()
            .take(3)
            .collect::<Vec<_>>()
    };
    // Ten runs of 32 prompts took 0.5 J of the processor and 1 J of GPUs.
    assert_eq!(figure("cpu int8"), ["3.12", "1.56", "1.00"], "{text}");
    assert_eq!(figure("torch"), ["–", "–", "2.50"], "{text}");
    let law = text.lines().last().expect("a line").split_whitespace().rev().take(2).collect::<Vec<_>>();
    assert_eq!(law, ["1.000", "1.00"], "{text}");
}

#[test]
fn the_page_has_plots_and_needs_nothing_else() {
    let page = devices_page(&report());
    assert_eq!(page.matches("<svg").count(), 4, "cost and throughput of two batches");
    assert!(page.contains("run torch &lt;quickly&gt;") && page.contains("exponent"));
    assert!(!page.contains("src=") && !page.contains("href="), "it is one file");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("devices-report");
    let paths = write_devices(&folder, &report()).expect("written");
    assert_eq!(paths.len(), 2);
    assert_eq!(std::fs::read_to_string(&paths[1]).expect("there"), page);
}
