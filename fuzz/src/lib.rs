//! The targets, which the tests of wscope run too.

#[path = "../../tests/fuzz/targets/mod.rs"]
pub mod targets;
