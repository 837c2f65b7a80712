//! See `untrusted_input::taskrc`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::taskrc(input));
