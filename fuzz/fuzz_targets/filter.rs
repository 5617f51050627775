//! Bytes of libFuzzer to the target `filter`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::filter::run(data));
