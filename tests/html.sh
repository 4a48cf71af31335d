#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual as HTML has a file for each page, and no link between them leads nowhere.
. "$top_srcdir/tests/functions"

script=$top_srcdir/doc/html
html=$scratch/html

says_mandoc_missing() {
  ! sh "$script" '' "$top_srcdir" "$scratch/none" && sh "$script" '' "$top_srcdir" "$scratch/none" 2>&1 | grep -q 'mandoc is missing'
}
check 'says that mandoc is missing' says_mandoc_missing
[ -n "$MANDOC" ] || { skip 'the pages' 'no mandoc'; finish; }

complete() {
  missing=0
  for page in "$top_srcdir"/man/*.[1-9]; do
    name=${page##*/}
    grep -q '</html>' "$html/$name.html" && grep -q "href=\"$name.html\"" "$html/index.html" && continue
    echo "no file or no link to it: $name"
    missing=1
  done
  return "$missing"
}

# Links as "FILE TARGET", and those whose file or place in it does not exist.
dead_links() {
  for file in "$1"/*.html; do
    { tr '\n' ' ' <"$file"; echo; } | sed 's/ \(href\|src\)="/\n&/g' | sed -n 's/^ \(href\|src\)="\([^"]*\)".*/\2/p' |
      sed "s|^|${file##*/} |"
  done | LC_ALL=C sort -u >"$scratch/links"
  while read -r file link; do
    case $link in *://*) continue ;; esac
    target=${link%%#*}
    if [ ! -s "$1/${target:-$file}" ]; then
      echo "$file: $link"
    elif [ "${link#*#}" != "$link" ] && ! grep -q "id=\"${link#*#}\"" "$1/${target:-$file}"; then
      echo "$file: $link"
    fi
  done <"$scratch/links"
}

no_dead_links() {
  dead_links "$html" >"$scratch/dead"
  cat "$scratch/dead"
  [ "$(wc -l <"$scratch/links")" -gt 500 ] && [ ! -s "$scratch/dead" ]
}

finds_dead_links() {
  mkdir "$scratch/planted" || return
  printf '%s\n' '<a class="Xr"' ' href="gone.3.html">' '<a href="a.html#nowhere">' '<a href="a.html#here">' '<p id="here">' >"$scratch/planted/a.html"
  dead_links "$scratch/planted" | diff - "$scratch/expected"
}
printf '%s\n' 'a.html: a.html#nowhere' 'a.html: gone.3.html' >"$scratch/expected"

# Each reference from one page of ours to another is a link.
referred() {
  awk '$1 == ".Xr" && tolower($2) ~ /^hapax/ { sub(/.*\//, "", FILENAME); print FILENAME, $2 "." $3 }' "$top_srcdir"/man/*.[1-9] \
    >"$scratch/references"
  while read -r page reference; do
    grep -q "href=\"$reference.html\"" "$html/$page.html" || echo "$page: no link to $reference"
  done <"$scratch/references" >"$scratch/unlinked"
  cat "$scratch/unlinked"
  [ -s "$scratch/references" ] && [ ! -s "$scratch/unlinked" ]
}

# Each element ends where it has to.
nested() {
  cat >"$scratch/nested.py" <<'END'
import html.parser, sys
class Nesting(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []
    def handle_starttag(self, tag, attributes):
        if tag not in ('br', 'meta', 'link', 'img', 'hr'):
            self.open.append(tag)
            if tag == 'figure' and set(self.open) & {'h1', 'h2', 'p', 'a'}:
                self.wrong.append((tag, self.getpos()))
    def handle_startendtag(self, tag, attributes):
        pass
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))
wrong = 0
for file in sys.argv[1:]:
    nesting = Nesting()
    nesting.feed(open(file, encoding='utf-8').read())
    if nesting.wrong or nesting.open:
        print(file, nesting.wrong, nesting.open)
        wrong = 1
sys.exit(wrong)
END
  python3 "$scratch/nested.py" "$@"
}
finds_nesting() { echo '<h2>Heading <figure></figure></h2>' >"$scratch/nested.html" && ! nested "$scratch/nested.html"; }

shows_pictures() { grep -q 'src="trie.svg"' "$html/hapax.7.html" && grep -q 'src="collection.svg"' "$html/hapax.7.html"; }

check 'the manual' sh "$script" "$MANDOC" "$top_srcdir" "$html"
check 'a file for each page' complete
check 'no dead links' no_dead_links
check 'finds dead links' finds_dead_links
check 'each reference is a link' referred
check 'hapax(7) shows the pictures' shows_pictures
if command -v python3 >/dev/null; then
  check 'elements are nested' nested "$html"/*.html
  check 'finds a picture in a heading' finds_nesting
else
  skip 'elements are nested' 'no python3'
fi
finish
