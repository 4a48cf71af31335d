// SPDX-License-Identifier: MIT
//! ustr: a global table of bins behind mutexes; values are never freed.

use hapax_bench_peers::{run, Peer};
use ustr::Ustr;

struct Ustrs;

impl Peer for Ustrs {
    type Handle = Ustr;

    const NAME: &'static str = "ustr";
    const VERSION: &'static str = "ustr 1.1.0";
    const RECLAIMS: bool = false;

    fn intern(&self, text: &str) -> Ustr {
        Ustr::from(text)
    }

    fn identity(&self, handle: &Ustr) -> usize {
        handle.as_ptr() as usize
    }

    fn text<'a>(&'a self, handle: &'a Ustr) -> &'a str {
        handle.as_str()
    }

    fn count(&self) -> Option<usize> {
        Some(ustr::num_entries())
    }
}

fn main() {
    run(&Ustrs);
}
