//! See `untrusted_input::setup_link`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::setup_link(input));
