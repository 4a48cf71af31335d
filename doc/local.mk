# SPDX-License-Identifier: MIT
# What people read beside the README and the pages; tests/doc-examples.sh compiles and runs its C.

docsdir = $(docdir)/doc
dist_docs_DATA = \
	doc/coming-from.md \
	doc/tutorial.md
