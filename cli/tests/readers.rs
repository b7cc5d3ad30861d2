//! Damaged pictures and arrays: what the tool reads beside graphs. Whatever the damage, the readers give a picture, an
//! array or an error: no panic, no hang, no memory without bound (the damaging runs in a child of limited address space).
use bakelite::{npy, picture::Picture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Address space of the child, in KiB.
const ADDRESS_SPACE: u32 = 2 << 20;
/// What one damaged file may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Damages of each file.
const DAMAGES: u64 = 4000;

/// The library's own sample pictures, and two arrays.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pictures");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .expect("the samples are in the repository")
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| ["png", "jpg", "ppm", "pgm"].iter().any(|k| e == *k)))
        .map(|p| (p.display().to_string(), std::fs::read(&p).expect("a sample can be read")))
        .collect();
    let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    samples.push(("array.npy".into(), npy::write(bakelite::TensorRef::F32(&x), &[1, 2, 3])));
    samples.push(("empty.npy".into(), npy::write(bakelite::TensorRef::U8(&[]), &[0, 7])));
    samples.sort();
    samples
}

/// xorshift64*: the same damage everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn damage(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..(at + 1 + random.below(9)).min(bytes.len()))),
            2 => drop(bytes.splice(at..at, [0xff; 6])),
            3 => bytes.iter_mut().skip(at).take(4).for_each(|b| *b = 0xff),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << random.below(8)),
        }
    }
    // Half of the damaged PNG files get right checksums, so that damage reaches what lies behind them.
    if seed.is_multiple_of(2) { repair(bytes) } else { bytes }
}

/// Writes the CRC of every whole PNG chunk anew.
fn repair(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while bytes.starts_with(b"\x89PNG") {
        let Some(length) = bytes.get(at..at + 4).and_then(|l| l.try_into().ok()).map(u32::from_be_bytes)
        else {
            break;
        };
        let end = at + 8 + length as usize;
        let Some(crc) = bytes.get(at + 4..end).map(crc32) else { break };
        let Some(field) = bytes.get_mut(end..end + 4) else { break };
        field.copy_from_slice(&crc.to_be_bytes());
        at = end + 4;
    }
    bytes
}

/// The CRC of PNG and zip, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &b| (0..8).fold(crc ^ u32::from(b), |crc, _| step(crc)))
}

fn read(bytes: &[u8]) {
    if let Ok(p) = Picture::decode(bytes) {
        assert_eq!(p.bytes.len(), p.width * p.height * p.channels);
    }
    if let Ok(array) = npy::parse(bytes) {
        assert_eq!(array.elements.len(), array.shape.iter().product::<usize>());
    }
}

#[test]
fn damaged_pictures_and_arrays_get_answers() {
    if std::env::var_os("READERS_CHILD").is_some() {
        return every_damage();
    }
    let me = std::env::current_exe().expect("a test knows its own path");
    let child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {ADDRESS_SPACE} && exec \"$0\" \"$@\"")])
        .arg(me)
        .args(["--exact", "damaged_pictures_and_arrays_get_answers", "--nocapture"])
        .env("READERS_CHILD", "1")
        .output()
        .expect("sh runs");
    let [out, err] = [&child.stdout, &child.stderr].map(|b| String::from_utf8_lossy(b).into_owned());
    assert!(child.status.success(), "{}\n{out}\n{err}", child.status);
}

fn every_damage() {
    let mut wrong = vec![];
    for (name, bytes) in samples() {
        read(&bytes);
        for seed in 0..DAMAGES {
            let damaged = damage(&bytes, seed);
            let start = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| read(&damaged)));
            if outcome.is_err() || start.elapsed() > PATIENCE {
                let what = if outcome.is_err() { "panicked" } else { "took too long" };
                wrong.push(format!("{name} seed {seed} {what} after {:?}", start.elapsed()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
