#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]
use pointsman_eval::{irt::*, outcomes};
use std::io::Write;
fn main() {
    let paths: Vec<String> = std::env::args().skip(2).collect();
    let t = std::time::Instant::now();
    let o = outcomes::read(&paths).unwrap();
    println!("read {} items {} skipped {:?}", o.items.len(), o.skipped.len(), t.elapsed());
    let options = Options {
        aliases: Aliases::built_in().unwrap(),
        tasks: SourceTasks::built_in().unwrap(),
        exclude: std::env::var("EXCLUDE")
            .iter()
            .flat_map(|e| {
                e.split(",")
                    .map(|r| {
                        let (m, s) = r.split_once("@").unwrap();
                        RunId::new(m, s)
                    })
                    .collect::<Vec<_>>()
            })
            .collect(),
        keep_broken: false,
    };
    let f = fit(&o, &options).unwrap();
    println!("fit {:?}", t.elapsed());
    let dir = std::env::args().nth(1).unwrap();
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(format!("{dir}/report.json"), serde_json::to_string_pretty(&f).unwrap()).unwrap();
    let mut w = std::io::BufWriter::new(std::fs::File::create(format!("{dir}/items.jsonl")).unwrap());
    for i in &f.items {
        writeln!(w, "{}", serde_json::to_string(i).unwrap()).unwrap();
    }
    println!("{:#?}\n{:#?}", f.summary, f.convergence);
    for s in &f.sources {
        println!("{s:?}");
    }
    for b in &f.broken {
        println!("BROKEN {b:?}");
    }
    println!("{:?}", f.labels);
}
