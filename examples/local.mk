# SPDX-License-Identifier: MIT
# Whole programs that use the library as others do. `make check` builds them, and tests/examples.sh runs them.

examples = \
	examples/expiring_cache \
	examples/expression_tree \
	examples/object_pool \
	examples/shared_files \
	examples/side_table \
	examples/statsd_sender
check_PROGRAMS += $(examples)

examples_expiring_cache_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
examples_expiring_cache_LDADD = src/libhapax.la
examples_expression_tree_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
examples_expression_tree_LDADD = src/libhapax.la
examples_object_pool_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
examples_object_pool_LDADD = src/libhapax.la
examples_shared_files_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
examples_shared_files_LDADD = src/libhapax.la
examples_side_table_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
examples_side_table_LDADD = src/libhapax.la
examples_statsd_sender_CFLAGS = $(AM_CFLAGS) $(WARNING_CFLAGS)
examples_statsd_sender_LDADD = src/libhapax.la

# All of them are documentation. tests/parsers.sh compiles the parsers as a user would.
exampledocdir = $(docdir)
nobase_dist_exampledoc_DATA = \
	$(examples:=.c) \
	examples/README.md \
	examples/parsers/front_end/check.c \
	examples/parsers/front_end/example.txt \
	examples/parsers/front_end/front_end.h \
	examples/parsers/front_end/main.c \
	examples/parsers/front_end/tokens.c \
	examples/parsers/front_end/types.c \
	examples/parsers/json_document.c \
	examples/parsers/lisp/evaluate.c \
	examples/parsers/lisp/lisp.h \
	examples/parsers/lisp/main.c \
	examples/parsers/lisp/read.c \
	examples/parsers/lisp/tests.lisp \
	examples/parsers/lisp/values.c \
	examples/parsers/log_analyser.c \
	examples/parsers/name.h \
	examples/parsers/xml_reader.c \
	examples/trace.bt
nobase_dist_exampledoc_SCRIPTS = examples/parsers/measure
