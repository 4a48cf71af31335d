# SPDX-License-Identifier: MIT
# The library, its headers and the program.

include_HEADERS = include/hapax.h include/hapax.hpp
pkginclude_HEADERS = \
	include/hapax/cache.h \
	include/hapax/cleanup.h \
	include/hapax/export.h \
	include/hapax/finalizer.h \
	include/hapax/handle.h \
	include/hapax/handle.hpp \
	include/hapax/mapped_file.h \
	include/hapax/memory.h \
	include/hapax/stats.h \
	include/hapax/symbols.h \
	include/hapax/typed.h \
	include/hapax/version.h \
	include/hapax/weak.h \
	include/hapax/weak_map.h \
	include/hapax/worker.h

# Everything stands in one convenience library, so that tests of private functions can link the same objects.
hapax_core_sources = \
	src/base/address.c \
	src/base/address.h \
	src/base/clock.c \
	src/base/clock.h \
	src/base/environment.c \
	src/base/environment.h \
	src/base/hash.c \
	src/base/hash.h \
	src/base/own_pages.c \
	src/base/own_pages.h \
	src/base/module.c \
	src/base/module.h \
	src/base/pages.c \
	src/base/pages.h \
	src/base/park.c \
	src/base/park.h \
	src/base/pauses.c \
	src/base/pool.c \
	src/base/pool.h \
	src/base/probes.h \
	src/base/refuse.c \
	src/base/refuse.h \
	src/base/say.c \
	src/base/say.h \
	src/base/sync.c \
	src/base/sync.h \
	src/cleanup/argument.h \
	src/cleanup/cleanup.c \
	src/cleanup/cleanup.h \
	src/cleanup/ephemeron.c \
	src/cleanup/ephemeron.h \
	src/cleanup/executor.c \
	src/cleanup/executor.h \
	src/cleanup/finalizer.c \
	src/cleanup/finalizer.h \
	src/cleanup/record_index.c \
	src/cleanup/record_index.h \
	src/cleanup/records.c \
	src/cleanup/records.h \
	src/collector/collector.c \
	src/collector/collector.h \
	src/collector/epoch.c \
	src/collector/epoch.h \
	src/collector/heap.c \
	src/collector/kinds.c \
	src/collector/kinds.h \
	src/collector/late.c \
	src/collector/late.h \
	src/collector/mark.c \
	src/collector/mark.h \
	src/collector/objects.c \
	src/collector/range.h \
	src/collector/reach.c \
	src/collector/reach.h \
	src/debug/argument_proxy.c \
	src/debug/argument_proxy.h \
	src/debug/often.c \
	src/debug/often.h \
	src/debug/lost.c \
	src/debug/lost.h \
	src/debug/report.c \
	src/debug/report.h \
	src/debug/source_place.c \
	src/debug/source_place.h \
	src/debug/stale.c \
	src/debug/stale.h \
	src/debug/table_watch.c \
	src/debug/table_watch.h \
	src/debug/unknown_threads.c \
	src/debug/unknown_threads.h \
	src/debug/words.c \
	src/debug/words.h \
	src/library/collect.c \
	src/library/library.c \
	src/library/library.h \
	src/library/stats.c \
	src/library/version.c \
	src/runtime/background.c \
	src/runtime/background.h \
	src/runtime/careful_read.c \
	src/runtime/careful_read.h \
	src/runtime/counted_set.c \
	src/runtime/counted_set.h \
	src/runtime/external.c \
	src/runtime/external.h \
	src/runtime/foreign_pages.c \
	src/runtime/foreign_pages.h \
	src/runtime/glibc_heap.c \
	src/runtime/glibc_heap.h \
	src/runtime/main_tls.c \
	src/runtime/main_tls.h \
	src/runtime/malloc_memory.c \
	src/runtime/malloc_memory.h \
	src/runtime/malloc_search.c \
	src/runtime/malloc_search.h \
	src/runtime/mappings.c \
	src/runtime/mappings.h \
	src/runtime/memory.c \
	src/runtime/place.c \
	src/runtime/place.h \
	src/runtime/process_threads.c \
	src/runtime/process_threads.h \
	src/runtime/roots.c \
	src/runtime/roots.h \
	src/runtime/runs.c \
	src/runtime/runs.h \
	src/runtime/search_pace.c \
	src/runtime/search_pace.h \
	src/runtime/stacks.c \
	src/runtime/stacks.h \
	src/runtime/start.c \
	src/runtime/start.h \
	src/runtime/thread.c \
	src/runtime/thread.h \
	src/runtime/touched_pages.c \
	src/runtime/touched_pages.h \
	src/runtime/word_search.c \
	src/runtime/word_search.h \
	src/systems/cache.c \
	src/systems/file.c \
	src/systems/file.h \
	src/systems/map_bytes.c \
	src/systems/mapped_file.c \
	src/systems/mapping.c \
	src/systems/mapping.h \
	src/systems/single_flight.c \
	src/systems/single_flight.h \
	src/systems/symbols.c \
	src/systems/weak_map.c \
	src/systems/weak_map.h \
	src/systems/worker.c \
	src/systems/worker.h \
	src/trie/grow.c \
	src/trie/layout.h \
	src/trie/lines.c \
	src/trie/lines.h \
	src/trie/nodes.c \
	src/trie/nodes.h \
	src/trie/root.c \
	src/trie/root.h \
	src/trie/trie.c \
	src/trie/trie.h \
	src/trie/words.h \
	src/values/canonical.h \
	src/values/handle.c \
	src/values/table.c \
	src/values/table.h \
	src/values/typed.c \
	src/weak/cell.c \
	src/weak/cell.h \
	src/weak/chunks.h \
	src/weak/churn.c \
	src/weak/churn.h \
	src/weak/registry.c \
	src/weak/registry.h \
	src/weak/registry_care.c \
	src/weak/registry_kind.h \
	src/weak/registry_steps.c \
	src/weak/weak_set.c \
	src/weak/weak_set.h \
	src/weak/weak_word.c \
	src/weak/weak_word.h

noinst_LTLIBRARIES += src/libhapax-core.la
src_libhapax_core_la_SOURCES = $(hapax_core_sources)
# bdw-gc.pc leaves GC_THREADS to the program.
src_libhapax_core_la_CPPFLAGS = $(AM_CPPFLAGS) -DGC_THREADS $(BDWGC_CFLAGS)
src_libhapax_core_la_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
src_libhapax_core_la_LIBADD = $(BDWGC_LIBS)

# CURRENT:REVISION:AGE of the interface, not of the release. At a release, from the last one's:
#   only the code changed                                REVISION + 1
#   functions were added, nothing changed or went away   CURRENT + 1, REVISION 0, AGE + 1
#   a function or a public struct changed or went away   CURRENT + 1, REVISION 0, AGE 0
hapax_version_info = 1:0:0

lib_LTLIBRARIES += src/libhapax.la
src_libhapax_la_SOURCES =
src_libhapax_la_LIBADD = src/libhapax-core.la
src_libhapax_la_LDFLAGS = $(BUILD_LDFLAGS) -no-undefined -version-info $(hapax_version_info) $(NODELETE_LDFLAGS)
src_libhapax_la_LINK = \
	RELINK='$(CC) $(CFLAGS) $(RELINK_FLAGS)' OBJCOPY='$(OBJCOPY)' AR='$(AR)' RANLIB='$(RANLIB)' \
	$(SHELL) $(srcdir)/src/hide-names $@ $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link \
	$(CCLD) $(AM_CFLAGS) $(CFLAGS) $(src_libhapax_la_LDFLAGS) $(LDFLAGS) -o $@
EXTRA_src_libhapax_la_DEPENDENCIES = src/hide-names
if HAVE_VSCRIPT_COMPLEX
src_libhapax_la_LDFLAGS += $(VSCRIPT_LDFLAGS),$(srcdir)/src/hapax.map
EXTRA_src_libhapax_la_DEPENDENCIES += src/hapax.map
endif
EXTRA_DIST += \
	src/base/README.md \
	src/cleanup/README.md \
	src/collector/README.md \
	src/debug/README.md \
	src/floors \
	src/hapax.map \
	src/hide-names \
	src/library/README.md \
	src/runtime/README.md \
	src/stat/README.md \
	src/systems/README.md \
	src/trie/README.md \
	src/values/README.md \
	src/weak/README.md

# For programs under valgrind.
dist_pkgdata_DATA = src/hapax.supp

# The program

bin_PROGRAMS += src/hapax
src_hapax_SOURCES = \
	src/stat/base/bytes.c \
	src/stat/base/bytes.h \
	src/stat/base/child.c \
	src/stat/base/child.h \
	src/stat/base/message.c \
	src/stat/base/message.h \
	src/stat/base/progress.c \
	src/stat/base/progress.h \
	src/stat/base/terminal.c \
	src/stat/base/terminal.h \
	src/stat/base/units.c \
	src/stat/base/units.h \
	src/stat/base/utf8.c \
	src/stat/base/utf8.h \
	src/stat/input/encoding_stage.c \
	src/stat/input/encoding_table.c \
	src/stat/input/encoding_table.h \
	src/stat/input/file_list.c \
	src/stat/input/file_list.h \
	src/stat/input/file_stage.c \
	src/stat/input/gzip_stage.c \
	src/stat/input/source.c \
	src/stat/input/source.h \
	src/stat/input/stage.c \
	src/stat/input/stage.h \
	src/stat/input/unmarked.c \
	src/stat/input/unmarked.h \
	src/stat/input/zstd_stage.c \
	src/stat/main.c \
	src/stat/measure/clocks.c \
	src/stat/measure/clocks.h \
	src/stat/measure/keep_all.c \
	src/stat/measure/keep_all.h \
	src/stat/measure/measure.c \
	src/stat/measure/measure.h \
	src/stat/measure/memory_use.c \
	src/stat/measure/memory_use.h \
	src/stat/measure/way.h \
	src/stat/measure/way_glib.c \
	src/stat/measure/way_interned.c \
	src/stat/measure/way_plain.c \
	src/stat/options.c \
	src/stat/options.h \
	src/stat/report/bars.c \
	src/stat/report/bars.h \
	src/stat/report/compare.h \
	src/stat/report/json.c \
	src/stat/report/plot.c \
	src/stat/report/plot.h \
	src/stat/report/quote.c \
	src/stat/report/quote.h \
	src/stat/report/report.c \
	src/stat/report/report.h \
	src/stat/report/text.c \
	src/stat/report/text.h \
	src/stat/report/text_chart.c \
	src/stat/report/text_lists.c \
	src/stat/report/verdict.c \
	src/stat/report/verdict.h \
	src/stat/split/c.c \
	src/stat/split/csv.c \
	src/stat/split/csv_fields.c \
	src/stat/split/csv_fields.h \
	src/stat/split/csv_guess.c \
	src/stat/split/csv_guess.h \
	src/stat/split/expat64.h \
	src/stat/split/lines.c \
	src/stat/split/split.c \
	src/stat/split/split.h \
	src/stat/split/words.c \
	src/stat/split/xml.c \
	src/stat/split/xml_entities.c \
	src/stat/split/xml_entities.h \
	src/stat/stat.c \
	src/stat/stat.h \
	src/stat/values/count.c \
	src/stat/values/count.h \
	src/stat/values/found.c \
	src/stat/values/found.h \
	src/stat/values/gather.c \
	src/stat/values/gather.h \
	src/stat/values/heap_block.h \
	src/stat/values/intern.c \
	src/stat/values/intern.h \
	src/stat/values/places.c \
	src/stat/values/places.h \
	src/stat/values/spool.c \
	src/stat/values/spool.h \
	src/stat/values/values_file.c \
	src/stat/values/values_file.h
src_hapax_CPPFLAGS = $(AM_CPPFLAGS) $(EXPAT_CFLAGS) $(GLIB_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
src_hapax_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
src_hapax_LDFLAGS = $(BUILD_LDFLAGS)
src_hapax_LDADD = $(json_library) src/libhapax.la $(EXPAT_LIBS) $(GLIB_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) -lm

# The parser of JSON is C++; the program is linked as C++ only with it.
json_sources = \
	src/stat/report/compare.cc \
	src/stat/split/json.cc
EXTRA_DIST += $(json_sources) src/stat/README.md
if HAVE_JSON
json_library = src/libhapax-json.la
noinst_LTLIBRARIES += src/libhapax-json.la
src_libhapax_json_la_SOURCES = $(json_sources)
src_libhapax_json_la_CPPFLAGS = $(AM_CPPFLAGS) $(JSON_CFLAGS)
src_libhapax_json_la_CXXFLAGS = $(AM_CXXFLAGS)
src_hapax_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CXX $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link \
	$(CXX) $(AM_CXXFLAGS) $(CXXFLAGS) $(src_hapax_LDFLAGS) $(LDFLAGS) -o $@
else
json_library =
src_hapax_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) $(LIBTOOLFLAGS) --mode=link \
	$(CCLD) $(src_hapax_CFLAGS) $(CFLAGS) $(src_hapax_LDFLAGS) $(LDFLAGS) -o $@
endif

# What interning saves on the C headers of this machine, however many there are.
demo: src/hapax$(EXEEXT)
	$(AM_V_at)folder='$(DEMO_FOLDER)'; folder=$${folder:-/usr/include}; \
	if test -z "$$(find -L "$$folder" -name '*.h' -type f 2>/dev/null | head -n 1)"; then \
	  echo "demo: there are no C headers in $$folder; set DEMO_FOLDER to another folder" >&2; exit 1; \
	fi; \
	find -L "$$folder" -name '*.h' -type f -print0 | LC_ALL=C sort -z \
	  | src/hapax stat --split=c --files0-from=-
