//! What memory the process has: Linux tells it in `/proc`, elsewhere it is not known.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Where it is read; opened before a sandbox is entered, which lets nothing be opened.
#[derive(Debug)]
pub struct Resident(File);

impl Resident {
    /// Opens it, where there is such a file.
    pub fn open() -> Option<Self> {
        File::open("/proc/self/statm").ok().map(Self)
    }

    /// Bytes that are in memory now, those of files that are mapped apart.
    pub fn bytes(&self) -> Option<usize> {
        let mut text = [0; 128];
        let count = self.0.read_at(&mut text, 0).ok()?;
        // Pages in all, resident, shared, … (proc_pid_statm(5)).
        let mut fields = str::from_utf8(&text[..count]).ok()?.split(' ').skip(1);
        let mut pages = || fields.next()?.parse::<usize>().ok();
        Some(pages()?.saturating_sub(pages()?) * rustix::param::page_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_taken_is_told() {
        let resident = Resident::open().expect("Linux has it");
        let before = resident.bytes().expect("numbers");
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = resident.bytes().expect("numbers");
        assert!(after >= before + taken.len() / 2, "{before} {after}");
    }
}
