#!/bin/sh
# SPDX-License-Identifier: MIT
# The pictures of the documents are what their script draws.
. "$top_srcdir/tests/functions"

command -v python3 >/dev/null || skip_all 'no python3'
pictures=$top_srcdir/doc/pictures

finds_change() { sed 's/eight/nine/' "$pictures/trie.svg" >"$scratch/trie.svg" && ! cmp "$scratch/trie.svg" "$pictures/trie.svg"; }

well_formed() { python3 -c 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])' "$1"; }

mkdir "$scratch/drawn"
check 'the script draws' python3 "$pictures/draw.py" "$scratch/drawn"
for picture in trie collection; do
  check "$picture.svg is up to date" cmp "$scratch/drawn/$picture.svg" "$pictures/$picture.svg"
  check "$picture.svg is well formed" well_formed "$pictures/$picture.svg"
done
check 'finds a picture that was changed' finds_change
finish
