//! Every target of `fuzz/` on seeds, and on what a few bytes changed, cut, doubled and joined make of them.
//!
//! `WSCOPE_SEEDS=fuzz/corpus cargo test --test fuzz` writes the seeds for libFuzzer, as `make fuzz` does.

#[path = "../common/mod.rs"]
mod common;
mod seeds;
mod targets;

use std::fs;
use std::path::Path;

use common::Dice;
use targets::TARGETS;

/// How much of each target is put through in a test run, in bytes.
const VOLUME: usize = 1 << 20;

#[test]
fn what_always_holds_holds_for_seeds_and_what_is_made_of_them() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                for (name, run) in TARGETS.iter().skip(first).step_by(threads) {
                    let mut seeds = seeds::of(name);
                    seeds.extend(found(name));
                    assert!(!seeds.is_empty(), "no seeds for {name}");
                    write(name, &seeds);
                    seeds.iter().for_each(|seed| run(seed));
                    let (mut dice, mut left) = (Dice(1), VOLUME as i64);
                    while left > 0 {
                        let input = mutated(&seeds, &mut dice);
                        // An input costs something, however short it is.
                        left -= 100 + input.len() as i64;
                        run(&input);
                    }
                }
            });
        }
    });
}

/// What libFuzzer once found fault with.
fn found(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(name);
    let files = fs::read_dir(folder).into_iter().flatten().map(|file| file.expect("a file").path());
    files.map(|file| fs::read(file).expect("a file that can be read")).collect()
}

/// Writes seeds where it is asked for.
fn write(name: &str, seeds: &[Vec<u8>]) {
    let Some(folder) = std::env::var_os("WSCOPE_SEEDS") else { return };
    let folder = Path::new(&folder).join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:03}")), seed).expect("a seed written");
    }
}

/// A seed with a few changes.
fn mutated(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    const ODD: [u8; 8] = [0, 1, 0x7f, 0x80, 0x81, 0xfe, 0xff, b'\n'];
    let mut bytes = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.next() as u8),
            2 => {
                let other = &seeds[dice.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[dice.below(other.len() + 1)..]);
            }
            3 => {
                let piece = bytes[at..bytes.len().min(at + 1 + dice.below(16))].to_vec();
                bytes.splice(at..at, piece);
            }
            kind => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if kind == 4 { ODD[dice.below(ODD.len())] } else { *byte ^ 1 << dice.below(8) };
                }
            }
        }
    }
    bytes
}
