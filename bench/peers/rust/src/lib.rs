// SPDX-License-Identifier: MIT
//! What every Rust peer shares: the workloads, in the same loops and with the
//! same JSON lines as the C harness, over a trait that each peer implements.

use std::fs;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Barrier;
use std::time::Instant;

mod latency;

/// An interner, used as its own documentation says.
pub trait Peer: Sync {
    type Handle: Send + Sync;

    const NAME: &'static str;
    const VERSION: &'static str;
    /// Whether values go away once nobody uses them, so that W6 and W9 make sense.
    const RECLAIMS: bool;

    fn intern(&self, text: &str) -> Self::Handle;
    /// One word that two handles share exactly where they mean one value.
    fn identity(&self, handle: &Self::Handle) -> usize;
    fn text<'a>(&'a self, handle: &'a Self::Handle) -> &'a str;
    /// How many values the table holds; None where it cannot be asked.
    fn count(&self) -> Option<usize>;
    /// Frees what only the table holds; nothing to do where dropping the last handle did.
    fn reclaim(&self) {}
}

struct Text {
    bytes: String,
    tokens: Vec<Range<usize>>,
}

impl Text {
    /// Empty lines are no tokens.
    fn read(path: &str) -> Text {
        let bytes = fs::read(path).unwrap_or_else(|error| give_up(&format!("{path}: {error}")));
        let bytes = String::from_utf8(bytes).unwrap_or_else(|_| give_up(&format!("{path}: not UTF-8")));
        let mut tokens = Vec::new();
        let mut start = 0;
        for line in bytes.split('\n') {
            if !line.is_empty() {
                tokens.push(start..start + line.len());
            }
            start += line.len() + 1;
        }
        tokens.shrink_to_fit();
        Text { bytes, tokens }
    }

    fn token(&self, index: usize) -> &str {
        // SAFETY: each range was cut from these very bytes at line ends, which
        // are character boundaries in UTF-8.
        unsafe { self.bytes.get_unchecked(self.tokens[index].clone()) }
    }

    fn len(&self) -> usize {
        self.tokens.len()
    }
}

struct Options {
    corpus: String,
    workloads: Option<Vec<String>>,
    threads: Vec<usize>,
    churn: u64,
    held: u64,
    seconds: u64,
}

impl Options {
    fn parse() -> Options {
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
        let mut options = Options {
            corpus: String::new(),
            workloads: None,
            threads: (0..).map(|power| 1 << power).take_while(|&count| count <= processors).collect(),
            churn: 2_000_000,
            held: 0,
            seconds: 2,
        };
        for argument in std::env::args().skip(1) {
            match argument.split_once('=') {
                Some(("--corpus", path)) => options.corpus = path.to_string(),
                Some(("--workloads", list)) => options.workloads = Some(list.split(',').map(String::from).collect()),
                Some(("--threads", list)) => options.threads = list.split(',').map(number).collect(),
                Some(("--churn", count)) => options.churn = number(count),
                Some(("--held", count)) => options.held = number(count),
                Some(("--seconds", count)) => options.seconds = number(count),
                _ => give_up(&format!("unknown option {argument}")),
            }
        }
        options
    }

    fn wants(&self, workload: &str) -> bool {
        self.workloads.as_ref().map_or(true, |list| list.iter().any(|name| name == workload))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| give_up(&format!("not a number: {text}")))
}

fn give_up(message: &str) -> ! {
    eprintln!("bench: {message}");
    std::process::exit(2)
}

fn wrong(message: &str) -> ! {
    eprintln!("wrong: {message}");
    std::process::exit(1)
}

fn resident_bytes() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split(' ').nth(1).map_or(0.0, number);
    pages * 4096.0
}

/// malloc's account of the bytes it has handed out, mapped blocks included.
fn heap_bytes() -> f64 {
    // SAFETY: mallinfo2 only reads the allocator's counters.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as f64
}

struct Bench<'a, P: Peer> {
    peer: &'a P,
    options: Options,
    stream: Text,
    shuffled: Text,
    first: Vec<u8>,
}

impl<P: Peer> Bench<'_, P> {
    fn line(&self, workload: &str, fields: &str) {
        println!("{{\"peer\": \"{}\", \"workload\": \"{workload}\", {fields}}}", P::NAME);
    }

    fn touch(&self, text: &str) -> usize {
        let handle = self.peer.intern(text);
        self.peer.identity(&handle)
    }

    /// Interns the stream; one handle for each distinct value is stored in `kept`,
    /// whose pages are resident before.
    fn build(&self, kept: &mut Vec<P::Handle>) -> f64 {
        let began = Instant::now();
        let mut sum = 0;
        for index in 0..self.stream.len() {
            let handle = self.peer.intern(self.stream.token(index));
            if self.first[index] != 0 {
                kept.push(handle);
            } else {
                sum += self.peer.identity(&handle);
            }
        }
        black_box(sum);
        nanoseconds(began)
    }

    fn hits(&self, workload: &str, text: &Text) {
        let began = Instant::now();
        let mut sum = 0;
        for index in 0..text.len() {
            sum += self.touch(text.token(index));
        }
        black_box(sum);
        let ns = nanoseconds(began) / text.len() as f64;
        self.line(workload, &format!("\"ns_per_op\": {ns:.3}, \"operations\": {}", text.len()));
    }

    fn check(&self, kept: &[P::Handle]) {
        let distinct = self.first.iter().filter(|&&first| first != 0).count();
        if distinct != kept.len() || distinct != self.shuffled.len() {
            wrong("the number of distinct values");
        }
        if self.peer.count().is_some_and(|count| count != distinct) {
            wrong("the number of values in the table");
        }
        let mut slot = 0;
        for index in 0..self.stream.len() {
            if self.first[index] != 0 {
                let token = self.stream.token(index);
                if self.peer.text(&kept[slot]) != token || self.touch(token) != self.peer.identity(&kept[slot]) {
                    wrong("a handle holds other bytes than its value, or is not canonical");
                }
                slot += 1;
            }
        }
        for index in 0..self.shuffled.len() {
            let token = self.shuffled.token(index);
            if self.peer.text(&self.peer.intern(token)) != token {
                wrong("a copy of the text gets another value");
            }
        }
    }

    fn threads(&self) {
        for &threads in &self.options.threads {
            let barrier = Barrier::new(threads);
            let count = self.stream.len();
            let times: Vec<f64> = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|index| {
                        let barrier = &barrier;
                        scope.spawn(move || {
                            let from = count / threads * index;
                            barrier.wait();
                            let began = Instant::now();
                            let mut sum = 0;
                            for at in (from..count).chain(0..from) {
                                sum += self.touch(self.stream.token(at));
                            }
                            black_box(sum);
                            nanoseconds(began)
                        })
                    })
                    .collect();
                workers.into_iter().map(|worker| worker.join().unwrap()).collect()
            });
            let mean = times.iter().sum::<f64>() / threads as f64 / count as f64;
            let longest = times.iter().fold(0.0, |a: f64, &b| a.max(b));
            self.line(
                "W4",
                &format!(
                    "\"ns_per_op\": {mean:.3}, \"operations\": {count}, \"threads\": {threads}, \
                     \"million_ops_per_second\": {:.3}",
                    (count * threads) as f64 / longest * 1e3
                ),
            );
        }
    }

    fn reclaim(&self, kept: &mut Vec<P::Handle>, heap_before: f64) {
        let (distinct, full) = (kept.len(), heap_bytes());
        let began = Instant::now();
        kept.clear();
        self.peer.reclaim();
        let ns = nanoseconds(began) / distinct as f64;
        if self.peer.count().is_some_and(|count| count != 0) {
            wrong("values are left after everything was dropped");
        }
        self.line(
            "W6",
            &format!(
                "\"ns_per_value\": {ns:.3}, \"collections\": 0, \"values_left\": 0, \"heap_full_mb\": {:.3}, \
                 \"heap_left_mb\": {:.3}",
                (full - heap_before) / 1e6,
                (heap_bytes() - heap_before) / 1e6
            ),
        );
    }

    fn churn(&self, threads: usize) {
        let count = self.options.churn;
        let barrier = Barrier::new(threads);
        let results: Vec<(f64, f64)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|index| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        let began = Instant::now();
                        let mut resident = 0.0;
                        let mut text = format!("churn{}a{:017}", (b'A' + index as u8) as char, 0).into_bytes();
                        for value in 0..count {
                            step(&mut text);
                            // SAFETY: made of ASCII only.
                            black_box(self.touch(unsafe { std::str::from_utf8_unchecked(&text) }));
                            if value == count / 4 {
                                resident = resident_bytes();
                            }
                        }
                        (nanoseconds(began), resident)
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        let ns = results.iter().map(|result| result.0).sum::<f64>() / threads as f64 / count as f64;
        let (early, late) = (results[0].1, resident_bytes());
        self.line(
            "W9",
            &format!(
                "\"ns_per_op\": {ns:.3}, \"operations\": {count}, \"threads\": {threads}, \
                 \"resident_quarter_mb\": {:.3}, \"resident_end_mb\": {:.3}, \"flat\": {}",
                early / 1e6,
                late / 1e6,
                is_flat(early, late, count * threads as u64)
            ),
        );
    }
}

/// As the C harness has it: less growth than the bare text of the values made
/// since, one heap growth step allowed.
fn is_flat(early: f64, late: f64, values: u64) -> bool {
    late - early <= (values as f64 * 0.75 * 24.0).max(32e6)
}

fn nanoseconds(began: Instant) -> f64 {
    began.elapsed().as_nanos() as f64
}

/// Counts on by one, in decimal, in place.
fn step(text: &mut [u8]) {
    let mut digit = text.len() - 1;
    while text[digit] == b'9' {
        text[digit] = b'0';
        digit -= 1;
    }
    text[digit] += 1;
}

/// A vector whose room is resident already, so that it is nobody's cost.
fn touched_room<T>(count: usize) -> Vec<T> {
    let mut room: Vec<T> = Vec::with_capacity(count);
    // SAFETY: the bytes belong to the vector's spare capacity.
    unsafe { std::ptr::write_bytes(room.as_mut_ptr(), 0x5a, count) };
    room
}

/// Runs the workloads that were asked for; exits with status 1 where an answer is wrong.
pub fn run<P: Peer>(peer: &P) {
    let options = Options::parse();
    if options.held != 0 {
        latency::run(peer, options.held, options.seconds);
        return;
    }
    let stream = Text::read(&options.corpus);
    let shuffled = Text::read(&format!("{}.shuffled", options.corpus));
    let first = fs::read(format!("{}.first", options.corpus)).unwrap_or_else(|error| give_up(&error.to_string()));
    if first.len() != stream.len() {
        give_up("the corpus and what was prepared beside it do not match");
    }
    let bench = Bench { peer, options, stream, shuffled, first };
    let distinct = bench.shuffled.len();
    let raw: usize = bench.shuffled.tokens.iter().map(|token| token.len()).sum();
    let mut kept: Vec<P::Handle> = touched_room(distinct);

    bench.line("info", &format!("\"version\": \"{}\", \"distinct\": {distinct}", P::VERSION));
    let (resident, heap) = (resident_bytes(), heap_bytes());
    let took = bench.build(&mut kept);
    let per_value = |after: f64, before: f64| (after - before - raw as f64) / distinct as f64;
    let memory = (per_value(resident_bytes(), resident), per_value(heap_bytes(), heap));
    bench.line(
        "W1",
        &format!(
            "\"ns_per_op\": {:.3}, \"operations\": {}, \"distinct\": {distinct}",
            took / bench.stream.len() as f64,
            bench.stream.len()
        ),
    );
    if bench.options.wants("W5") {
        bench.line(
            "W5",
            &format!("\"resident_bytes_per_value\": {:.3}, \"heap_bytes_per_value\": {:.3}", memory.0, memory.1),
        );
    }
    bench.check(&kept);
    if bench.options.wants("W2") {
        bench.hits("W2", &bench.stream);
    }
    if bench.options.wants("W3") {
        bench.hits("W3", &bench.shuffled);
    }
    if bench.options.wants("W4") {
        bench.threads();
    }
    if P::RECLAIMS && bench.options.wants("W6") {
        bench.reclaim(&mut kept, heap);
    }
    if P::RECLAIMS && bench.options.wants("W9") {
        bench.churn(1);
        bench.churn(2);
    }
}
