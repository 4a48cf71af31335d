# SPDX-License-Identifier: MIT
# Completion of the program's arguments, where bash and zsh look for it.

bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = completion/_hapax
EXTRA_DIST += completion/hapax.bash

# bash loads the file that has the program's name.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)'
	$(INSTALL_DATA) $(srcdir)/completion/hapax.bash '$(DESTDIR)$(bashcompletiondir)/hapax'

uninstall-local:
	rm -f '$(DESTDIR)$(bashcompletiondir)/hapax'
