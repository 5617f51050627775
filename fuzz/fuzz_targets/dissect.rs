//! Bytes of libFuzzer to the target `dissect`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::dissect::run(data));
