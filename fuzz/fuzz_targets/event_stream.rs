//! Bedrock's event streams, translated for clients of every dialect. The first byte chooses which, and where the stream
//! is cut, which must make no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_upstream::fuzzing::{CLIENTS, Provider, framed, translated};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, stream)) = bytes.split_first() else {
        return;
    };
    let client = CLIENTS[usize::from(choice % 4) % CLIENTS.len()];
    // Few random bytes have the checksums of a frame, so that others are put into one.
    let framed = framed(stream);
    for stream in [stream, &framed] {
        let whole = translated(&[stream], Provider::Converse, client);
        let (first, second) = stream.split_at(usize::from(*choice).min(stream.len()));
        assert_eq!(translated(&[first, second], Provider::Converse, client), whole);
    }
});
