//! Streams of server-sent events from providers, translated for clients of every dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| pointsman_upstream::fuzzing::sse(bytes));
