//! Bytes of libFuzzer to the target `pipeline`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::pipeline::run(data));
