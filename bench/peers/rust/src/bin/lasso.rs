// SPDX-License-Identifier: MIT
//! lasso's ThreadedRodeo: keys of four bytes into a concurrent map and an arena;
//! values are never freed.

use hapax_bench_peers::{run, Peer};
use lasso::{Key, Spur, ThreadedRodeo};

struct Rodeo(ThreadedRodeo);

impl Peer for Rodeo {
    type Handle = Spur;

    const NAME: &'static str = "lasso";
    const VERSION: &'static str = "lasso 0.7.3";
    const RECLAIMS: bool = false;

    fn intern(&self, text: &str) -> Spur {
        self.0.get_or_intern(text)
    }

    fn identity(&self, handle: &Spur) -> usize {
        handle.into_usize()
    }

    fn text<'a>(&'a self, handle: &'a Spur) -> &'a str {
        self.0.resolve(handle)
    }

    fn count(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

fn main() {
    run(&Rodeo(ThreadedRodeo::new()));
}
