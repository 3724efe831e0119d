//! An upstream that answers at once, and a load that measures what lies before it.
//!
//! `gateway-load upstream PORT` serves OpenAI's chat API with fixed replies.
//!
//! `gateway-load load URL RATE SECONDS plain|stream BODY_FILE [HEADER: VALUE]…` sends requests at a steady rate, each at its
//! own time whether or not those before it have ended, over as many connections as that takes, and prints one line of
//! JSON. Latency counts from the time at which a request was due, so that a server that stalls does not hide it.
//!
//! `gateway-load hold URL STREAMS SECONDS BODY_FILE [HEADER: VALUE]…` opens so many streams and keeps them open.

mod load;
mod upstream;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["upstream", port] => upstream::serve(port.parse().expect("a port")).await,
        ["load", url, rate, seconds, form, body, headers @ ..] => {
            let target = load::Target::new(url, body, headers);
            let (rate, seconds) = (rate.parse().expect("a rate"), seconds.parse().expect("seconds"));
            println!("{}", load::run(target, rate, seconds, *form == "stream").await);
        }
        ["hold", url, streams, seconds, body, headers @ ..] => {
            let target = load::Target::new(url, body, headers);
            let (streams, seconds) = (streams.parse().expect("a number"), seconds.parse().expect("seconds"));
            println!("{}", load::hold(target, streams, seconds).await);
        }
        _ => panic!("see the head of main.rs for what may be asked"),
    }
}
