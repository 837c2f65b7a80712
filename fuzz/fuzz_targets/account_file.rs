//! See `untrusted_input::account_file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::account_file(input));
