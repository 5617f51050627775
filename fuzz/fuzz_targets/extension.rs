//! Bytes of libFuzzer to the target `extension`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::extension::run(data));
