//! Bytes of libFuzzer to the target `head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::head::run(data));
