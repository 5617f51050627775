//! Bytes of libFuzzer to the target `reassembler`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::reassembler::run(data));
