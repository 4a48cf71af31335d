// SPDX-License-Identifier: MIT
//! internment's ArcIntern: counted references in a sharded map; the last one
//! dropped frees the value.

use hapax_bench_peers::{run, Peer};
use internment::ArcIntern;

struct Interns;

impl Peer for Interns {
    type Handle = ArcIntern<str>;

    const NAME: &'static str = "internment";
    const VERSION: &'static str = "internment 0.8.6";
    const RECLAIMS: bool = true;

    fn intern(&self, text: &str) -> ArcIntern<str> {
        ArcIntern::from(text)
    }

    fn identity(&self, handle: &ArcIntern<str>) -> usize {
        str::as_ptr(handle) as usize
    }

    fn text<'a>(&'a self, handle: &'a ArcIntern<str>) -> &'a str {
        handle
    }

    fn count(&self) -> Option<usize> {
        Some(ArcIntern::<str>::num_objects_interned())
    }
}

fn main() {
    run(&Interns);
}
