//! Bytes of libFuzzer to the target `net`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::net::run(data));
