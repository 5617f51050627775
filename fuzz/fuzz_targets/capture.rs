//! Bytes of libFuzzer to the target `capture`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::capture::run(data));
