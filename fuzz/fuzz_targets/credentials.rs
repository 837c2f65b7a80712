//! See `untrusted_input::credentials`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::credentials(input));
