# SPDX-License-Identifier: MIT
# Speed and memory beside the limit and the peers. bench/run builds what it measures.

bench_files = \
	bench/bare_heap.c \
	bench/bare_heap.h \
	bench/bare_latency.c \
	bench/corpus \
	bench/counting.h \
	bench/counts \
	bench/counts_probe.c \
	bench/cxx_bench.cc \
	bench/cxx_counts.cc \
	bench/generate.c \
	bench/hapax_bench.c \
	bench/hapax_primitives.c \
	bench/hapax_primitives.h \
	bench/harness.c \
	bench/harness.h \
	bench/histogram.h \
	bench/latency.h \
	bench/limit.c \
	bench/many_tables.c \
	bench/many_values.c \
	bench/natural_bench.c \
	bench/peer.h \
	bench/peers/bdwgc_links.c \
	bench/peers/flyweight.cc \
	bench/peers/glib.c \
	bench/peers/go/go.mod \
	bench/peers/go/latency.go \
	bench/peers/go/main.go \
	bench/peers/go/primitives.go \
	bench/peers/guile.c \
	bench/peers/java/Interners.java \
	bench/peers/java/Latency.java \
	bench/peers/java/pom.xml \
	bench/peers/liburcu.c \
	bench/peers/rust/Cargo.lock \
	bench/peers/rust/Cargo.toml \
	bench/peers/rust/src/bin/dashmap.rs \
	bench/peers/rust/src/bin/internment.rs \
	bench/peers/rust/src/bin/lasso.rs \
	bench/peers/rust/src/bin/ustr.rs \
	bench/peers/rust/src/latency.rs \
	bench/peers/rust/src/lib.rs \
	bench/prepare.c \
	bench/results/counts.json \
	bench/results/counts.md \
	bench/results/growth.svg \
	bench/results/lookups.svg \
	bench/results/memory.svg \
	bench/results/pause.svg \
	bench/results/results.json \
	bench/results/results.md \
	bench/results/threads.svg \
	bench/run \
	bench/runner/__init__.py \
	bench/runner/figures.py \
	bench/runner/goals.py \
	bench/runner/latency.py \
	bench/runner/machine.py \
	bench/runner/measure.py \
	bench/runner/peers.py \
	bench/runner/plots.py \
	bench/runner/report.py \
	bench/scaling.md \
	bench/scaling_probe.c \
	bench/stops.c \
	bench/stops.h \
	bench/sketches/cache_trie.c \
	bench/sketches/collections.md \
	bench/sketches/growth.c \
	bench/sketches/hash_trie.c \
	bench/sketches/layouts.md \
	bench/sketches/lines.c \
	bench/sketches/sketch.h \
	bench/sketches/sketch_hooks.h

EXTRA_DIST += $(bench_files)

bench: all
	$(AM_V_at)top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' CC='$(CC)' \
	  $(srcdir)/bench/run $(BENCH_FLAGS)
