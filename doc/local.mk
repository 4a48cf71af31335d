# SPDX-License-Identifier: MIT
# What people read beside the README and the pages; tests/doc-examples.sh compiles and runs its C.

docsdir = $(docdir)/doc
dist_docs_DATA = \
	doc/coming-from.md \
	doc/tutorial.md

# The pictures that the documents show; tests/pictures.sh draws them again.
picturesdir = $(docsdir)/pictures
dist_pictures_DATA = \
	doc/pictures/collection.svg \
	doc/pictures/trie.svg

EXTRA_DIST += \
	doc/html \
	doc/pictures/draw.py \
	doc/style.css

# The manual as HTML, in html/ of the build folder: `make html`.
html-local:
	@$(SHELL) $(srcdir)/doc/html '$(MANDOC)' '$(srcdir)' html
	@echo 'html/index.html'
clean-local:
	rm -rf html
