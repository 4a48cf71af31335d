# The library, its headers and the program.

include_HEADERS = include/hapax.h
pkginclude_HEADERS = \
	include/hapax/cache.h \
	include/hapax/cleanup.h \
	include/hapax/export.h \
	include/hapax/finalizer.h \
	include/hapax/handle.h \
	include/hapax/mapped_file.h \
	include/hapax/memory.h \
	include/hapax/stats.h \
	include/hapax/typed.h \
	include/hapax/version.h \
	include/hapax/weak.h \
	include/hapax/weak_map.h \
	include/hapax/worker.h

# Everything stands in one convenience library, so that tests of private functions can link the same objects.
hapax_core_sources = \
	src/background.c \
	src/background.h \
	src/cache.c \
	src/canonical.h \
	src/churn.c \
	src/churn.h \
	src/cleanup.c \
	src/cleanup.h \
	src/clock.c \
	src/clock.h \
	src/collector.c \
	src/collector.h \
	src/counted_set.c \
	src/counted_set.h \
	src/debug.c \
	src/debug.h \
	src/diagnosis.c \
	src/diagnosis.h \
	src/ephemeron.c \
	src/ephemeron.h \
	src/executor.c \
	src/executor.h \
	src/file.c \
	src/file.h \
	src/finalizer.c \
	src/finalizer.h \
	src/flight.c \
	src/flight.h \
	src/handle.c \
	src/hash.c \
	src/hash.h \
	src/library.c \
	src/library.h \
	src/map_bytes.c \
	src/mapped_file.c \
	src/mapping.c \
	src/mapping.h \
	src/mark.c \
	src/mark.h \
	src/memory.c \
	src/memory.h \
	src/pages.c \
	src/pages.h \
	src/park.c \
	src/park.h \
	src/reach.c \
	src/reach.h \
	src/registry.c \
	src/registry.h \
	src/registry_chunks.h \
	src/registry_steps.c \
	src/stats.c \
	src/symbol.c \
	src/symbol.h \
	src/sync.c \
	src/sync.h \
	src/table.c \
	src/table.h \
	src/thread.c \
	src/thread.h \
	src/trie.c \
	src/trie.h \
	src/trie_lines.c \
	src/trie_lines.h \
	src/trie_resize.c \
	src/typed.c \
	src/version.c \
	src/weak.c \
	src/weak.h \
	src/weak_map.c \
	src/weak_map.h \
	src/weak_set.c \
	src/weak_set.h \
	src/weak_word.h \
	src/witness.c \
	src/witness.h \
	src/worker.c \
	src/worker.h

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
if HAVE_VSCRIPT_COMPLEX
src_libhapax_la_LDFLAGS += $(VSCRIPT_LDFLAGS),$(srcdir)/src/hapax.map
EXTRA_src_libhapax_la_DEPENDENCIES = src/hapax.map
endif
EXTRA_DIST += src/hapax.map

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
