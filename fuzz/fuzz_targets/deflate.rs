//! Bytes of libFuzzer to the target `deflate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::deflate::run(data));
