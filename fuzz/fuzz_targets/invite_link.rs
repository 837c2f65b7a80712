//! See `untrusted_input::invite_link`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| untrusted_input::invite_link(input));
