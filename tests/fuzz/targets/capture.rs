//! Any bytes, read as a capture file: no panic, and packets are numbered without a hole.
//!
//! Run with `-timeout=10 -rss_limit_mb=512`: no length in the file may make memory or time grow beyond its size.

use std::path::PathBuf;
use std::sync::Arc;

use wscope::capture::Files;
use wscope::input::Input;

/// See above.
pub fn run(bytes: &[u8]) {
    let path: PathBuf = std::env::temp_dir().join(format!("wscope-fuzz-{}", std::process::id()));
    std::fs::write(&path, bytes).expect("a writable directory for temporary files");
    let Ok(mut files) = Files::open(std::slice::from_ref(&path), Some("tcp"), Arc::default()) else {
        return;
    };
    let mut last = 0;
    loop {
        match files.next_input() {
            Ok(Some(Input::Packet(packet))) => {
                assert!(packet.number > last, "numbers run on");
                assert!(packet.wire_len as usize >= packet.bytes.len(), "no more captured than was on the wire");
                last = packet.number;
            }
            Ok(Some(Input::Secret(_) | Input::Tick(_) | Input::Dropped(_))) | Err(_) => {}
            Ok(None) => break,
        }
    }
}
