# The library, its headers and the program.

include_HEADERS = include/hapax.h include/hapax.hpp
pkginclude_HEADERS = \
	include/hapax/cache.h \
	include/hapax/cleanup.h \
	include/hapax/export.h \
	include/hapax/finalizer.h \
	include/hapax/handle.h \
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
	src/base/clock.c \
	src/base/clock.h \
	src/base/environment.c \
	src/base/environment.h \
	src/base/hash.c \
	src/base/hash.h \
	src/base/pages.c \
	src/base/pages.h \
	src/base/park.c \
	src/base/park.h \
	src/base/refuse.c \
	src/base/refuse.h \
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
	src/collector/collector.c \
	src/collector/collector.h \
	src/collector/mark.c \
	src/collector/mark.h \
	src/collector/reach.c \
	src/collector/reach.h \
	src/debug/argument_proxy.c \
	src/debug/argument_proxy.h \
	src/debug/report.c \
	src/debug/report.h \
	src/debug/source_place.c \
	src/debug/source_place.h \
	src/library/collect.c \
	src/library/library.c \
	src/library/library.h \
	src/library/stats.c \
	src/library/version.c \
	src/runtime/background.c \
	src/runtime/background.h \
	src/runtime/counted_set.c \
	src/runtime/counted_set.h \
	src/runtime/memory.c \
	src/runtime/place.c \
	src/runtime/place.h \
	src/runtime/roots.c \
	src/runtime/roots.h \
	src/runtime/start.c \
	src/runtime/start.h \
	src/runtime/thread.c \
	src/runtime/thread.h \
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
	src/trie/lines.c \
	src/trie/layout.h \
	src/trie/lines.h \
	src/trie/resize.c \
	src/trie/trie.c \
	src/trie/trie.h \
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
	src/weak/registry_kind.h \
	src/weak/registry_steps.c \
	src/weak/weak_set.c \
	src/weak/weak_set.h \
	src/weak/weak_word.h

noinst_LTLIBRARIES += src/libhapax-core.la
src_libhapax_core_la_SOURCES = $(hapax_core_sources)
# bdw-gc.pc leaves GC_THREADS to the program.
src_libhapax_core_la_CPPFLAGS = $(AM_CPPFLAGS) -DGC_THREADS $(BDWGC_CFLAGS)
src_libhapax_core_la_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
src_libhapax_core_la_LIBADD = $(BDWGC_LIBS) $(XXHASH_LIBS)

# CURRENT:REVISION:AGE of the interface, not of the release. At a release, from the last one's:
#   only the code changed                                REVISION + 1
#   functions were added, nothing changed or went away   CURRENT + 1, REVISION 0, AGE + 1
#   a function or a public struct changed or went away   CURRENT + 1, REVISION 0, AGE 0
hapax_version_info = 0:0:0

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

# The program

bin_PROGRAMS += src/hapax
src_hapax_SOURCES = \
	src/stat/batch.c \
	src/stat/batch.h \
	src/stat/bytes.c \
	src/stat/bytes.h \
	src/stat/crew.c \
	src/stat/crew.h \
	src/stat/input.c \
	src/stat/input.h \
	src/stat/keep_interned.c \
	src/stat/keep_plain.c \
	src/stat/keeper.h \
	src/stat/kept.c \
	src/stat/main.c \
	src/stat/measure.c \
	src/stat/measure.h \
	src/stat/measure_interned.c \
	src/stat/measure_plain.c \
	src/stat/memory_use.c \
	src/stat/memory_use.h \
	src/stat/message.c \
	src/stat/message.h \
	src/stat/options.c \
	src/stat/options.h \
	src/stat/plot.c \
	src/stat/plot.h \
	src/stat/progress.c \
	src/stat/progress.h \
	src/stat/rank.c \
	src/stat/rank.h \
	src/stat/report.c \
	src/stat/report.h \
	src/stat/report_json.c \
	src/stat/report_text.c \
	src/stat/split.c \
	src/stat/split.h \
	src/stat/split_c.c \
	src/stat/split_csv.c \
	src/stat/split_json.c \
	src/stat/split_lines.c \
	src/stat/split_words.c \
	src/stat/split_xml.c \
	src/stat/stat.c \
	src/stat/stat.h \
	src/stat/terminal.c \
	src/stat/terminal.h \
	src/stat/units.c \
	src/stat/units.h \
	src/stat/utf8.c \
	src/stat/utf8.h
src_hapax_CPPFLAGS = $(AM_CPPFLAGS) $(EXPAT_CFLAGS) $(YAJL_CFLAGS)
src_hapax_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
src_hapax_LDFLAGS = $(BUILD_LDFLAGS)
src_hapax_LDADD = src/libhapax.la $(EXPAT_LIBS) $(YAJL_LIBS) $(LIBCSV_LIBS) -lm

# What interning saves on the C headers of this machine. One command line holds them all, or the largest part.
demo: src/hapax$(EXEEXT)
	$(AM_V_at)find -L /usr/include -name '*.h' -type f | LC_ALL=C sort | head -n 10000 \
	  | xargs -d '\n' -s 1500000 -x src/hapax stat --split=c
