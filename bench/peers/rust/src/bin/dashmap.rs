// SPDX-License-Identifier: MIT
//! A DashMap of Arc<str>, as written by those who look for no interner: a lookup
//! under a shard's read lock, an entry on a miss, an explicit sweep of what only
//! the map holds.

use dashmap::DashMap;
use hapax_bench_peers::{run, Peer};
use std::sync::Arc;

struct Map(DashMap<Arc<str>, ()>);

impl Peer for Map {
    type Handle = Arc<str>;

    const NAME: &'static str = "dashmap";
    const VERSION: &'static str = "dashmap 6.2.1";
    const RECLAIMS: bool = true;

    fn intern(&self, text: &str) -> Arc<str> {
        if let Some(entry) = self.0.get(text) {
            return entry.key().clone();
        }
        self.0.entry(Arc::from(text)).or_insert(()).key().clone()
    }

    fn identity(&self, handle: &Arc<str>) -> usize {
        handle.as_ptr() as usize
    }

    fn text<'a>(&'a self, handle: &'a Arc<str>) -> &'a str {
        handle
    }

    fn count(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn reclaim(&self) {
        self.0.retain(|text, _| Arc::strong_count(text) > 1);
        self.0.shrink_to_fit();
    }
}

fn main() {
    run(&Map(DashMap::new()));
}
