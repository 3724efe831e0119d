//! Bodies of requests and replies: read for routing, given another model, translated between all dialects.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| pointsman_upstream::fuzzing::body(bytes));
