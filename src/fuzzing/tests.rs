//! Every entry function with inputs drawn from a fixed seed: the same ones on every machine, a second's worth. More are
//! drawn with `SCALETOP_FUZZ_CASES=1000000`, and `make fuzz` lets coverage choose them.

use std::path::PathBuf;

use super::*;

/// What is put into an input besides what stands in it: what has power somewhere.
const TOKENS: [&str; 32] = [
    "\x1b[2J",
    "\u{202e}",
    "\u{9b}31m",
    "=1+1",
    "<script>",
    "</script>",
    "]]>",
    "|",
    "\r\n",
    "\n",
    "\"",
    "\\",
    "\0",
    "\u{feff}",
    "-1",
    "0",
    "1e309",
    "NaN",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967295",
    "null",
    "{}",
    "[]",
    "%",
    "s",
    "://",
    "@",
    "[::1]",
    ":65536",
];

/// The seeds of a target, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz-seeds").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no seed", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn mutated(seeds: &[Vec<u8>], rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = seeds[rng.usize(..seeds.len())].clone();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=input.len());
        let end = rng.usize(at..=input.len().min(at + 40));
        match rng.u8(..6) {
            0 => drop(input.drain(at..end)),
            1 => input[at..end].iter_mut().for_each(|byte| *byte = byte.wrapping_add(rng.u8(..))),
            2 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << rng.u8(..8);
                }
            }
            3 => drop(input.splice(at..end, TOKENS[rng.usize(..TOKENS.len())].bytes())),
            4 => {
                let part = input[at..end].to_vec();
                let to = rng.usize(..=input.len());
                drop(input.splice(to..to, part));
            }
            _ => {
                let other = &seeds[rng.usize(..seeds.len())];
                let from = rng.usize(..=other.len());
                drop(input.splice(at..end, other[from..other.len().min(from + 60)].iter().copied()));
            }
        }
    }
    input
}

fn try_many(target: &str, entry: fn(&[u8]), cases: u32) {
    let (seeds, mut rng) = (seeds(target), fastrand::Rng::with_seed(1));
    for seed in &seeds {
        entry(seed);
    }
    let cases = std::env::var("SCALETOP_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    for _ in 0..cases {
        let input = mutated(&seeds, &mut rng);
        let tried = std::panic::catch_unwind(|| entry(&input));
        assert!(tried.is_ok(), "{target} fails on {:?}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn no_plan_breaks_the_parser() {
    try_many("plan", plan, 1_000);
}

#[test]
fn no_configuration_file_breaks_the_command_line_or_agrees_to_anything() {
    try_many("config", config, 30);
}

#[test]
fn no_line_of_a_recording_breaks_its_reader() {
    try_many("line", line, 3_000);
}

#[test]
fn no_recording_breaks_the_fold_or_puts_harm_into_a_file() {
    try_many("recording", recording, 60);
}

#[test]
fn no_text_from_outside_does_harm_in_a_file() {
    try_many("texts", texts, 200);
}

#[test]
fn no_header_makes_two_instances_one() {
    try_many("ids", ids, 5_000);
}

#[test]
fn no_source_of_counts_breaks_its_reader_or_puts_harm_into_a_message() {
    try_many("counts", counts, 3_000);
}

#[test]
fn no_word_on_the_command_line_breaks_its_reader() {
    try_many("words", words, 5_000);
}
