#!/bin/sh
# SPDX-License-Identifier: MIT
# The completion for bash and for zsh knows every option of `hapax stat --help` and no other.
. "$top_srcdir/tests/functions"

"$top_builddir/src/hapax" stat --help >"$scratch/help" || exit 99

# Each option of the help, with = if a value follows.
awk '/^  -/ {
  for (i = 1; i <= 2; i++)
    if ($i ~ /^-/) {
      sub(/,$/, "", $i)
      sub(/=.*/, "=", $i)
      print $i
    }
}' "$scratch/help" | LC_ALL=C sort >"$scratch/options"

# The formats of --split.
awk '/^  --/ { in_split = /--split/ } in_split && /^                       [a-z]/ { print $1 }' "$scratch/help" |
  LC_ALL=C sort >"$scratch/formats"

same() {
  [ -s "$1" ] && diff -u "$1" "$2"
}

# bash_completes WORD...: what bash offers in place of the last word, sorted.
bash_completes() {
  # shellcheck disable=SC2016
  bash --norc -c '
    compopt() { :; } # is for calls from readline only
    . "$0"
    COMP_WORDS=(hapax "$@")
    COMP_CWORD=$#
    _hapax
    [[ ${#COMPREPLY[@]} -eq 0 ]] || printf "%s\n" "${COMPREPLY[@]}"
  ' "$top_srcdir/completion/hapax.bash" "$@" | LC_ALL=C sort >"$scratch/offered"
}

bash_options() { bash_completes stat - && same "$scratch/options" "$scratch/offered"; }
bash_formats() { bash_completes stat --split = '' && same "$scratch/formats" "$scratch/offered"; }
bash_begun() { bash_completes stat --split = js && [ "$(cat "$scratch/offered")" = json ]; }
bash_commands() { bash_completes st && [ "$(cat "$scratch/offered")" = stat ]; }

if command -v bash >/dev/null; then
  check 'bash: the options' bash_options
  check 'bash: the formats' bash_formats
  check 'bash: a format that is begun' bash_begun
  check 'bash: a command that is begun' bash_commands
else
  skip 'bash' 'not here'
fi

# The options and the formats, as the file lists them for _arguments.
zsh_options() {
  sed -n '/^_hapax_stat/,/^}/p' "$top_srcdir/completion/_hapax" |
    sed -n "s/^[[:space:]]*'[(]- [*][)]'{\(.*\)}.*/\1/p; s/^[[:space:]]*'([^)]*)'{\(.*\)}.*/\1/p; s/^[[:space:]]*'[*]*\(--[a-z0-9-]*=*\)\[.*/\1/p" |
    tr , '\n' | LC_ALL=C sort -u >"$scratch/offered"
  same "$scratch/options" "$scratch/offered"
}
zsh_formats() {
  sed -n "s/^.*--split=.*:(\([a-z ]*\))' .*/\1/p" "$top_srcdir/completion/_hapax" | tr ' ' '\n' |
    LC_ALL=C sort >"$scratch/offered"
  same "$scratch/formats" "$scratch/offered"
}
check 'zsh: the options' zsh_options
check 'zsh: the formats' zsh_formats
if command -v zsh >/dev/null; then
  check 'zsh: its grammar' zsh -n "$top_srcdir/completion/_hapax"
else
  skip 'zsh: its grammar' 'not here'
fi
finish
