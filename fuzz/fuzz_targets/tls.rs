//! Bytes of libFuzzer to the target `tls`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wscope_fuzz::targets::tls::run(data));
