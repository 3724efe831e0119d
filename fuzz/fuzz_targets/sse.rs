//! Streams of server-sent events from providers, translated for clients of every dialect. The first byte chooses both
//! and where the stream is cut, which must make no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_upstream::fuzzing::{CLIENTS, Provider, translated};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, stream)) = bytes.split_first() else {
        return;
    };
    let provider = [Provider::Chat, Provider::Responses, Provider::Messages][usize::from(choice % 3)];
    let client = CLIENTS[usize::from(choice / 3) % CLIENTS.len()];
    let whole = translated(&[stream], provider, client);
    let (first, second) = stream.split_at(usize::from(*choice).min(stream.len()));
    assert_eq!(translated(&[first, second], provider, client), whole);
});
