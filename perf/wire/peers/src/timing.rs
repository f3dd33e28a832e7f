// SPDX-License-Identifier: BSD-3-Clause

use std::arch::x86_64::{__rdtscp, _mm_lfence, _rdtsc};

pub const SAMPLES: usize = 20_000;

pub fn begin() -> u64 {
    unsafe {
        _mm_lfence();
        _rdtsc()
    }
}

pub fn end() -> u64 {
    unsafe {
        let mut cpu = 0;
        let now = __rdtscp(&mut cpu);
        _mm_lfence();
        now
    }
}

/// One line: peer, row, then p50 p90 p99 p99.9 in cycles.
pub fn print(peer: &str, row: &str, mut samples: Vec<f64>) {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[(samples.len() as f64 * share) as usize];
    println!("{peer} {row} {:.1} {:.1} {:.1} {:.1}", at(0.5), at(0.9), at(0.99), at(0.999));
}

/// Times `work`, which does `count` operations, after `prepare`; a tenth of the samples before are not kept.
pub fn measure<S>(
    peer: &str, row: &str, samples: usize, count: usize, state: &mut S,
    mut prepare: impl FnMut(&mut S), mut work: impl FnMut(&mut S),
) {
    let mut kept = Vec::with_capacity(samples);
    for i in 0..samples + samples / 10 {
        prepare(state);
        let from = begin();
        work(state);
        let to = end();
        if i >= samples / 10 {
            kept.push((to - from) as f64 / count as f64);
        }
    }
    print(peer, row, kept);
}
