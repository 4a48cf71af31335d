# SPDX-License-Identifier: MIT
# Tests: Criterion suites, programs with a main of their own, shell scripts. All speak TAP.
#
# A suite of the public interface, tests/test_NAME.c:   a line in public_tests
# A suite that looks inside:                            a line in internal_tests, and
#                                                       tests_test_NAME_LDADD = $(internal_libs)
# A program that prints TAP itself, without Criterion:  a line in plain_tests, and
#                                                       tests_test_NAME_LDADD = $(plain_libs)
# Sources beside the first:                             tests_test_NAME_SOURCES = tests/test_NAME.c tests/OTHER.c
# A script, tests/NAME.sh:                              a line in script_tests
#
# Criterion and bdwgc both abort under the thread sanitizer: with it only the plain programs are tests, and those have to
# bring a collector of their own.

public_tests = \
	tests/test_batch \
	tests/test_cache \
	tests/test_cache_create \
	tests/test_cache_stress \
	tests/test_cancelled \
	tests/test_cleanup \
	tests/test_cleanup_stop \
	tests/test_cleanup_subjects \
	tests/test_collisions \
	tests/test_diagnosis_cleanups \
	tests/test_diagnosis_lost \
	tests/test_diagnosis_stats \
	tests/test_diagnosis_stale \
	tests/test_diagnosis_tables \
	tests/test_diagnosis_threads \
	tests/test_diagnosis_words \
	tests/test_errno \
	tests/test_external \
	tests/test_finalizer \
	tests/test_finalizer_reach \
	tests/test_foreign \
	tests/test_foreign_callbacks \
	tests/test_foreign_links \
	tests/test_fork \
	tests/test_fork_amidst \
	tests/test_fork_cleanups \
	tests/test_fork_threads \
	tests/test_freed \
	tests/test_guests \
	tests/test_handle \
	tests/test_handle_life \
	tests/test_handle_limits \
	tests/test_histogram \
	tests/test_incremental \
	tests/test_iteration \
	tests/test_late \
	tests/test_map_bytes \
	tests/test_mapped_file \
	tests/test_mapped_file_shared \
	tests/test_memory \
	tests/test_queue \
	tests/test_queue_threads \
	tests/test_queue_wait \
	tests/test_realloc \
	tests/test_refused \
	tests/test_search \
	tests/test_shortage \
	tests/test_shortage_many \
	tests/test_start \
	tests/test_start_beside \
	tests/test_start_threads \
	tests/test_symbols \
	tests/test_table \
	tests/test_table_stats \
	tests/test_threads \
	tests/test_type \
	tests/test_type_copy \
	tests/test_type_equality \
	tests/test_typed \
	tests/test_weak \
	tests/test_weak_map \
	tests/test_weak_map_brought_back \
	tests/test_weak_map_each \
	tests/test_weak_map_finalizers \
	tests/test_weak_map_life \
	tests/test_weak_map_threads \
	tests/test_worker \
	tests/test_worker_stop

internal_tests = \
	tests/test_address \
	tests/test_canonical \
	tests/test_cells \
	tests/test_churn \
	tests/test_counted_set \
	tests/test_entries \
	tests/test_finalizer_tables \
	tests/test_hold \
	tests/test_kinds \
	tests/test_mark \
	tests/test_pages \
	tests/test_process_threads \
	tests/test_records \
	tests/test_registry \
	tests/test_registry_care \
	tests/test_registry_life \
	tests/test_sync \
	tests/test_runs \
	tests/test_search_pace \
	tests/test_trie \
	tests/test_trie_fork \
	tests/test_trie_growth

tests_test_histogram_SOURCES = tests/test_histogram.c bench/histogram.h
tests_test_address_LDADD = $(internal_libs)
tests_test_canonical_LDADD = $(internal_libs)
tests_test_cells_LDADD = $(internal_libs)
tests_test_churn_LDADD = $(internal_libs)
tests_test_counted_set_LDADD = $(internal_libs)
tests_test_entries_LDADD = $(internal_libs)
tests_test_finalizer_tables_LDADD = $(internal_libs)
tests_test_hold_LDADD = $(internal_libs)
tests_test_kinds_LDADD = $(internal_libs)
tests_test_mark_LDADD = $(internal_libs)
tests_test_pages_LDADD = $(internal_libs)
tests_test_process_threads_LDADD = $(internal_libs)
tests_test_records_LDADD = $(internal_libs)
tests_test_registry_LDADD = $(internal_libs)
tests_test_registry_care_LDADD = $(internal_libs)
tests_test_registry_life_LDADD = $(internal_libs)
tests_test_sync_LDADD = $(internal_libs)
tests_test_runs_LDADD = $(internal_libs)
tests_test_search_pace_LDADD = $(internal_libs)
tests_test_trie_LDADD = $(internal_libs)
tests_test_trie_fork_LDADD = $(internal_libs)
tests_test_trie_growth_LDADD = $(internal_libs)
tests_test_registry_SOURCES = tests/test_registry.c tests/registry_books.h $(bare_collector)
tests_test_registry_care_SOURCES = tests/test_registry_care.c tests/registry_books.h $(bare_collector)
tests_test_registry_life_SOURCES = tests/test_registry_life.c tests/registry_books.h $(bare_collector)
tests_test_trie_SOURCES = tests/test_trie.c $(trie_suite)
tests_test_trie_fork_SOURCES = tests/test_trie_fork.c $(trie_suite)
tests_test_trie_growth_SOURCES = tests/test_trie_growth.c $(trie_suite)
trie_suite = tests/trie_suite.c tests/trie_suite.h $(bare_collector) $(trie_check)

bare_collector = tests/bare_collector.c tests/bare_collector.h
trie_check = tests/trie_check.c tests/trie_check.h

plain_tests = \
	tests/test_explore_cells \
	tests/test_explore_cleanups \
	tests/test_explore_growth \
	tests/test_explore_trie \
	tests/test_explorer \
	tests/test_scripted_trie

script_tests = \
	tests/archive.sh \
	tests/bootstrap.sh \
	tests/cmake.sh \
	tests/codespell.sh \
	tests/completion.sh \
	tests/configure.sh \
	tests/consumer.sh \
	tests/cxx.sh \
	tests/demo.sh \
	tests/diagnosed.sh \
	tests/dist.sh \
	tests/doc-examples.sh \
	tests/examples.sh \
	tests/exported-symbols.sh \
	tests/floors.sh \
	tests/html.sh \
	tests/lists.sh \
	tests/man-examples.sh \
	tests/parsers.sh \
	tests/man-lint.sh \
	tests/natural.sh \
	tests/pictures.sh \
	tests/plugins.sh \
	tests/probes.sh \
	tests/secure.sh \
	tests/shellcheck.sh \
	tests/stress.sh \
	tests/test_stat.sh \
	tests/test_stat_counters.sh \
	tests/test_stat_formats.sh \
	tests/test_stat_input.sh \
	tests/test_stat_report.sh \
	tests/typed.sh \
	tests/valgrind.sh \
	tests/version.sh \
	tests/width.sh

# A suite may define what a source of the library defines (a collector of its own, say): the linker then leaves that source out.
# The collector's own library is for tests of programs that use it beside ours; those define GC_THREADS before <gc.h>.
internal_libs = $(criterion_libs) src/libhapax-core.la $(CRITERION_LIBS) $(BDWGC_LIBS)
plain_libs = src/libhapax-core.la $(BDWGC_LIBS)
LDADD = $(criterion_libs) src/libhapax.la $(CRITERION_LIBS) $(BDWGC_LIBS)

# What tests/test_stat_counters.sh runs.
tests_stat_saving_LDADD = src/libhapax.la

# What tests/stress.sh runs.
tests_stress_SOURCES = tests/stress.c tests/stress.h tests/stress_holdings.c tests/stress_steps.c tests/stress_tables.c \
	$(trie_check)
tests_stress_LDADD = $(plain_libs)

# What tests/secure.sh runs.
tests_setuid_program_SOURCES = tests/setuid_program.c
tests_setuid_program_LDADD = src/libhapax.la

# HAPAX_DEBUG names the line of a call; the user's flags may have no debugging information.
tests_test_diagnosis_cleanups_CFLAGS = $(AM_CFLAGS) -g

# What the suites share.
check_LTLIBRARIES = tests/libsupport.la
tests_libsupport_la_SOURCES = tests/finalizer_table.c tests/finalizer_table.h tests/support.c tests/support.h
tests_libsupport_la_CPPFLAGS = $(AM_CPPFLAGS) $(BDWGC_CFLAGS)
# As an object, which is linked whether or not a suite calls it.
if HAVE_CRITERION
check_LTLIBRARIES += tests/liblimits.la
endif
tests_liblimits_la_SOURCES = tests/limits.c tests/limits.h
tests_liblimits_la_CPPFLAGS = $(AM_CPPFLAGS) $(CRITERION_CFLAGS)
criterion_libs = tests/liblimits_la-limits.lo tests/libsupport.la
injection = tests/injection.c tests/injection.h
tests_test_search_SOURCES = tests/test_search.c $(support)
tests_test_shortage_SOURCES = tests/test_shortage.c $(injection)
tests_test_shortage_many_SOURCES = tests/test_shortage_many.c $(injection)

# To preload into tests: tests/environment.
check_LTLIBRARIES += tests/libstale.la
tests_libstale_la_SOURCES = tests/stale.c tests/registers.h
tests_libstale_la_CPPFLAGS = $(AM_CPPFLAGS) $(BDWGC_CFLAGS)
tests_libstale_la_LDFLAGS = $(BUILD_LDFLAGS) -module -avoid-version -rpath /nowhere
tests_libstale_la_LIBADD = $(BDWGC_LIBS)

shared_headers = \
	tests/cache_objects.h \
	tests/cleanup_objects.h \
	tests/diagnosis_output.h \
	tests/dying.h \
	tests/entry_calls.h \
	tests/files.h \
	tests/finalizer_nodes.h \
	tests/foreign_objects.h \
	tests/fork_objects.h \
	tests/handle_texts.h \
	tests/mapped_files.h \
	tests/queue_calls.h \
	tests/table_numbers.h \
	tests/thread_state.h \
	tests/type_tables.h \
	tests/weak_map_objects.h \
	tests/worker_ticks.h

EXTRA_DIST += $(script_tests) $(shared_headers) \
	tests/block_functions \
	tests/cxx_program.cc \
	tests/cxx_throws.cc \
	tests/environment \
	tests/exported-symbols.txt \
	tests/functions \
	tests/stat_counters.py \
	tests/stat_functions
# Programs that tests/natural.sh compiles as a user would.
EXTRA_DIST += \
	tests/natural/README.md \
	tests/natural/aligned.c \
	tests/natural/array.c \
	tests/natural/batch.c \
	tests/natural/chained.c \
	tests/natural/context.c \
	tests/natural/coroutine.c \
	tests/natural/coroutine_first.c \
	tests/natural/coroutine_fork.c \
	tests/natural/forced.c \
	tests/natural/freed_contexts.c \
	tests/natural/guarded.c \
	tests/natural/glib.c \
	tests/natural/library.c \
	tests/natural/natural.h \
	tests/natural/no_break.c \
	tests/natural/queue.c \
	tests/natural/random_blocks.c \
	tests/natural/specific.c \
	tests/natural/thread_local.c \
	tests/natural/threads_in_turn.c \
	tests/natural/tree.c \
	tests/natural/unordered_map.cc \
	tests/natural/uthash.c \
	tests/natural/vector.cc \
	tests/natural/weak_index.c

check_PROGRAMS += $(plain_tests)
TESTS += $(plain_tests)

if !THREAD_SANITIZER
TESTS += $(script_tests)
check_PROGRAMS += tests/setuid_program tests/stress
check_PROGRAMS += tests/stat_saving tests/stress
if HAVE_CRITERION
check_PROGRAMS += $(public_tests) $(internal_tests)
TESTS += $(public_tests) $(internal_tests)
endif
endif

TEST_EXTENSIONS = .sh

# Both install, and libtool cannot do that twice at a time in one build.
tests/cmake.log: tests/consumer.log

# Criterion writes TAP to standard error. A failure shows in the TAP, a crash in the plan that is not kept: the exit status
# would only count it again.
LOG_DRIVER = $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
AM_LOG_DRIVER_FLAGS = --merge --ignore-exit
SH_LOG_DRIVER = $(LOG_DRIVER)
AM_SH_LOG_DRIVER_FLAGS = --ignore-exit
SH_LOG_COMPILER = $(SHELL)

# The collector finds nothing on AddressSanitizer's fake stack, and what it has not collected is no leak. The memory of a
# sanitizer's malloc is not searched, which is said once in each process that counts on it.
AM_TESTS_ENVIRONMENT = \
	CRITERION_OUTPUTS=tap:-; export CRITERION_OUTPUTS; \
	: "$${ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0}"; export ASAN_OPTIONS; \
	: "$${UBSAN_OPTIONS=print_stacktrace=1}"; export UBSAN_OPTIONS; \
	case '$(BUILD_LDFLAGS)' in *-fsanitize=*) : "$${HAPAX_SEARCH=explicit}"; export HAPAX_SEARCH ;; esac; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	VERSION='$(PACKAGE_VERSION)'; export VERSION; \
	MAKE='$(MAKE)'; export MAKE; \
	CC='$(CC)'; export CC; \
	CXX='$(CXX)'; export CXX; \
	CXX17='$(CXX17)'; export CXX17; \
	NM='$(NM)'; export NM; \
	PROBES='$(PROBES)'; export PROBES; \
	MANDOC='$(MANDOC)'; export MANDOC; \
	PKG_CONFIG='$(PKG_CONFIG)'; export PKG_CONFIG; \
	TEST_FLAGS='$(LDFLAGS) $(BUILD_LDFLAGS)'; export TEST_FLAGS; \
	PRIVATE_LIBS='$(BDWGC_LIBS)'; export PRIVATE_LIBS; \
	includedir='$(includedir)'; export includedir; \
	libdir='$(libdir)'; export libdir; \
	pkgconfigdir='$(pkgconfigdir)'; export pkgconfigdir; \
	prefix='$(prefix)'; export prefix; \
	docdir='$(docdir)'; export docdir; \
	. $(abs_top_srcdir)/tests/environment;

# With the collector of the tests instead of src/collector/collector.c; under real threads, which stop at safe points.
scripted_threads = \
	tests/plain_tap.h \
	tests/scripted_collector.c \
	tests/scripted_collector.h \
	tests/scripted_heap.c \
	tests/scripted_heap.h \
	tests/scripted_threads.h \
	tests/world.h \
	tests/world_threads.c
scripted_threads_ldflags = $(AM_LDFLAGS) -Wl,--wrap=sem_wait
tests_test_scripted_trie_SOURCES = tests/test_scripted_trie.c $(scripted_threads) $(trie_check)
tests_test_scripted_trie_LDADD = $(plain_libs)
tests_test_scripted_trie_LDFLAGS = $(scripted_threads_ldflags)

# The same under the explorer of interleavings, which needs the library with a hook in each atomic operation.
check_LTLIBRARIES += tests/libexplored.la
tests_libexplored_la_SOURCES = $(hapax_core_sources)
tests_libexplored_la_CPPFLAGS = $(AM_CPPFLAGS) -DGC_THREADS -DSYNC_EXPLORE -DTRIE_TINY $(BDWGC_CFLAGS)
tests_libexplored_la_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS) -Wno-shadow
tests_libexplored_la_LIBADD = $(BDWGC_LIBS)
explorer = \
	tests/explore.c \
	tests/explore.h \
	tests/explore_anew.c \
	tests/explore_anew.h \
	tests/explore_fibers.c \
	tests/explore_fibers.h \
	tests/explore_pages.c \
	tests/explore_pages.h \
	tests/scripted_collector.c \
	tests/scripted_collector.h \
	tests/scripted_heap.c \
	tests/scripted_heap.h \
	tests/world.h \
	tests/world_fibers.c
# No lazy binding: it leaves a call's registers on the stack, the first time only.
explorer_ldflags = $(AM_LDFLAGS) -Wl,-z,now -Wl,--wrap=pthread_mutex_lock -Wl,--wrap=__errno_location \
	-Wl,--wrap=pages_reserve -Wl,--wrap=pages_commit -Wl,--wrap=pages_give_back -Wl,--wrap=pages_retire \
	-Wl,--wrap=pages_free
tests_test_explore_cells_SOURCES = tests/test_explore_cells.c tests/explored_objects.h $(trie_check) $(explorer)
tests_test_explore_cells_CPPFLAGS = $(AM_CPPFLAGS) -DTRIE_TINY
tests_test_explore_cells_LDADD = tests/libexplored.la $(BDWGC_LIBS)
tests_test_explore_cells_LDFLAGS = $(explorer_ldflags)
tests_test_explore_cleanups_SOURCES = tests/test_explore_cleanups.c tests/explored_objects.h $(explorer)
tests_test_explore_cleanups_LDADD = tests/libexplored.la $(BDWGC_LIBS)
tests_test_explore_cleanups_LDFLAGS = $(explorer_ldflags)
tests_test_explore_growth_SOURCES = tests/test_explore_growth.c tests/explored_table.h $(trie_check) $(explorer)
tests_test_explore_growth_CPPFLAGS = $(AM_CPPFLAGS) -DTRIE_TINY
tests_test_explore_growth_LDADD = tests/libexplored.la $(BDWGC_LIBS)
tests_test_explore_growth_LDFLAGS = $(explorer_ldflags)
tests_test_explore_trie_SOURCES = tests/test_explore_trie.c tests/explored_table.h $(trie_check) $(explorer)
tests_test_explore_trie_CPPFLAGS = $(AM_CPPFLAGS) -DTRIE_TINY
tests_test_explore_trie_LDADD = tests/libexplored.la $(BDWGC_LIBS)
tests_test_explore_trie_LDFLAGS = $(explorer_ldflags)
tests_test_explorer_SOURCES = tests/test_explorer.c $(explorer)
tests_test_explorer_LDADD = tests/libexplored.la $(BDWGC_LIBS)
tests_test_explorer_LDFLAGS = $(explorer_ldflags)

# Lines of the library that the tests ran, source by source.
coverage: check
if COVERAGE
	$(AM_V_at)for object in src/*/.libs/libhapax_core_la-*.gcda; do \
	  gcov --no-output --object-directory $$(dirname $$object) $$object 2>/dev/null \
	    | $(AWK) '/^File/ { ours = /src\/[a-z]*\/[a-z_]*\.c/; file = $$2 } /^Lines/ && ours { print file, $$0; ours = 0 }'; \
	done
else
	@echo 'coverage: configure with --enable-coverage' >&2; exit 1
endif
