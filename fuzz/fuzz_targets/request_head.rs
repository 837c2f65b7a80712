//! See `untrusted_input::request_head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::request_head(input));
