//! See `untrusted_input::registration`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::registration(input));
