//! Bytes of libFuzzer to the target `frame`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::frame::run(data));
