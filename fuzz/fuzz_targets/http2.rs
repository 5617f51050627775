//! Bytes of libFuzzer to the target `http2`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::http2::run(data));
