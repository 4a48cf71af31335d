// SPDX-License-Identifier: MIT
//! W11 of bench/latency.h, for every Rust peer.

use super::{step, touched_room, Peer};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Each power of two has so many classes.
const STEPS: u64 = 32;
const CLASSES: usize = 60 * STEPS as usize;
const SIZE: usize = 24;

/// Of a fixed size, so that recording allocates nothing.
struct Histogram {
    counts: [u64; CLASSES],
    total: u64,
    longest: u64,
}

impl Histogram {
    const fn new() -> Histogram {
        Histogram { counts: [0; CLASSES], total: 0, longest: 0 }
    }

    fn record(&mut self, ns: u64) {
        let class = if ns < STEPS {
            ns
        } else {
            let shift = u64::from(58 - ns.leading_zeros());
            (shift + 1) * STEPS + (ns >> shift) % STEPS
        };
        self.counts[(class as usize).min(CLASSES - 1)] += 1;
        self.total += 1;
        self.longest = self.longest.max(ns);
    }

    /// The end of the class in which that share of all is reached.
    fn quantile(&self, share: f64) -> u64 {
        let mut seen = 0;
        for (class, count) in (0u64..).zip(self.counts) {
            seen += count;
            if seen > 0 && seen as f64 >= share * self.total as f64 {
                let end = if class < STEPS { class } else { ((STEPS + class % STEPS + 1) << (class / STEPS - 1)) - 1 };
                return end.min(self.longest);
            }
        }
        self.longest
    }
}

fn since(began: Instant) -> u64 {
    began.elapsed().as_nanos() as u64
}

/// The median of many empty measurements.
fn clock_cost() -> u64 {
    let mut empty = Histogram::new();
    for _ in 0..100_000 {
        let began = Instant::now();
        empty.record(since(began));
    }
    empty.quantile(0.5)
}

fn held_text(text: &mut [u8], mut number: u64) {
    text[..4].copy_from_slice(b"held");
    for digit in text[4..].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The random sequence of the C harness.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

struct Latency<'a, P: Peer> {
    peer: &'a P,
    held: u64,
    cost: u64,
    random: u64,
    fresh: Vec<u8>,
    hits: Histogram,
    new: Histogram,
}

impl<P: Peer> Latency<'_, P> {
    /// Interns, drops the handle, and says how long both took.
    fn timed(&self, text: &[u8]) -> u64 {
        let text = std::str::from_utf8(text).unwrap();
        let began = Instant::now();
        let handle = self.peer.intern(text);
        black_box(self.peer.identity(&handle));
        drop(handle);
        since(began).saturating_sub(self.cost)
    }

    fn run(&mut self, duration: Duration) {
        let mut text = [0; SIZE];
        let began = Instant::now();
        while began.elapsed() < duration {
            for _ in 0..9 {
                held_text(&mut text, next(&mut self.random) % self.held);
                let took = self.timed(&text);
                self.hits.record(took);
            }
            step(&mut self.fresh);
            let took = self.timed(&self.fresh);
            self.new.record(took);
        }
    }

    fn line(&self, variant: &str, times: &Histogram) {
        println!(
            "{{\"peer\": \"{}\", \"workload\": \"W11\", \"variant\": \"{variant}\", \"held\": {}, \"operations\": {}, \
             \"clock_ns\": {}, \"p50_ns\": {}, \"p99_ns\": {}, \"p999_ns\": {}, \"p9999_ns\": {}, \"longest_ns\": {}}}",
            P::NAME,
            self.held,
            times.total,
            self.cost,
            times.quantile(0.5),
            times.quantile(0.99),
            times.quantile(0.999),
            times.quantile(0.9999),
            times.longest
        );
    }
}

/// A fifth of the time warms up and is not counted.
pub fn run<P: Peer>(peer: &P, held: u64, seconds: u64) {
    let mut kept: Vec<P::Handle> = touched_room(held as usize);
    let mut text = [0; SIZE];
    for number in 0..held {
        held_text(&mut text, number);
        kept.push(peer.intern(std::str::from_utf8(&text).unwrap()));
    }
    let mut latency = Latency {
        peer,
        held,
        cost: clock_cost(),
        random: 1,
        fresh: b"churnAa00000000000000000".to_vec(),
        hits: Histogram::new(),
        new: Histogram::new(),
    };
    latency.run(Duration::from_millis(seconds * 200));
    latency.hits = Histogram::new();
    latency.new = Histogram::new();
    latency.run(Duration::from_millis(seconds * 800));
    latency.line("hit", &latency.hits);
    latency.line("new", &latency.new);
    black_box(&kept);
}
