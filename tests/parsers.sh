#!/bin/sh
# SPDX-License-Identifier: MIT
# The parsers of examples/parsers do what they say on files that are here and on bad ones, and with -DPLAIN the same.
. "$top_srcdir/tests/functions"

parsers=$top_srcdir/examples/parsers

# build PARSER SOURCE...: both ways.
build() {
  parser=$1; shift
  set -- "$@" -L "$top_builddir/src/.libs" "-Wl,-rpath,$top_builddir/src/.libs"
  for way in interned plain; do
    plain=
    [ "$way" = interned ] || plain=-DPLAIN
    # shellcheck disable=SC2086
    $CC -std=gnu11 -O2 -g -Wall -Wextra -Werror $plain -I "$top_srcdir/include" -o "$scratch/$parser-$way" "$@" $TEST_FLAGS \
      -lhapax $libraries -lm -pthread || return
  done
}

# gives EXPECTED COMMAND...: the file EXPECTED holds what the command prints.
gives() {
  expected=$1; shift
  timeout 60 "$@" >"$scratch/given" || return
  diff "$expected" "$scratch/given"
}

# same PARSER WORD...: prints the same in both ways, and something.
same() {
  parser=$1; shift
  timeout 60 "$scratch/$parser-plain" "$@" >"$scratch/expected" && [ -s "$scratch/expected" ] &&
    gives "$scratch/expected" "$scratch/$parser-interned" "$@"
}

# refuses PARSER LINE: what is in the file `bad` is refused with this line.
refuses() {
  timeout 60 "$scratch/$1-interned" "$scratch/bad" >"$scratch/given" 2>"$scratch/said"
  status=$?
  echo "exit status $status"
  cat "$scratch/said"
  [ "$status" = 1 ] && printf '%s\n' "$scratch/bad:$2" | diff - "$scratch/said"
}

# usage PARSER: --help succeeds, an unknown option is status 2.
usage() {
  "$scratch/$1-interned" --help | grep -q "^Usage: $1 " || return
  "$scratch/$1-interned" --unknown 2>"$scratch/said"
  [ $? = 2 ] && grep -q '^Usage: ' "$scratch/said"
}

[ -e "$top_builddir/src/.libs/libhapax.so" ] || skip_all 'the library is not shared'
case " $TEST_FLAGS " in *-fsanitize=*) skip_all 'the memory of a sanitizer is not searched' ;; esac
is_hard_build && skip_all 'the hard build takes minutes for real input'
libraries=

# ---- Logs ----

check 'log_analyser compiles' build log_analyser "$parsers/log_analyser.c"
check 'log_analyser: usage' usage log_analyser
awk 'BEGIN {
  for (i = 0; i < 3000; i++)
    printf "10.0.0.%d - - [10/Oct/2023:13:55:36 +0000] \"GET /page/%d?q=\\\"a\\\" HTTP/1.1\" 200 %d \"-\" \"agent %d\"\n", \
      i % 3, i % 2, 10, i % 5 == 0
  print "10.0.0.9 - - [10/Oct/2023:13:55:36 +0000] \"GET / HTTP/1.0\" 304 -"
}' >"$scratch/log"
cat >"$scratch/expected-log" <<'END2'
3001 requests
4 hosts
      1000          10000  10.0.0.0
      1000          10000  10.0.0.1
3 paths
      1500          15000  /page/0?q=\"a\"
      1500          15000  /page/1?q=\"a\"
1 referers
      3001          30000  -
3 agents
      2400          24000  agent 0
       600           6000  agent 1
END2
for threads in 1 4; do
  check "log_analyser counts, $threads threads" gives "$scratch/expected-log" \
    "$scratch/log_analyser-interned" --top=2 --threads=$threads "$scratch/log"
done
check 'log_analyser, plain' same log_analyser --top=1000 "$scratch/log"
{ cat "$scratch/log"; echo 'no log line'; } >"$scratch/bad"
check 'log_analyser refuses a line' refuses log_analyser '3002: not a line of an access log'
check 'and counts the others' grep -qx '3001 requests' "$scratch/given"

# ---- JSON ----

check 'json_document compiles' build json_document "$parsers/json_document.c"
check 'json_document: usage' usage json_document
cat >"$scratch/document" <<'END2'
{"users": [{"name": "Ann \u00e9\ud83d\ude00 \"q\"", "n": -1.5e3}, {}], "a/b~": {"": null}, "empty": [], "twice": 1,
 "twice": true}
END2
look() {
  printf '%s\n' "$2" >"$scratch/expected"
  gives "$scratch/expected" "$scratch/json_document-interned" "$scratch/document" "$1"
}
check 'json_document: a string' look /users/0/name '"Ann é😀 \"q\""'
check 'json_document: a number' look /users/0/n -1500
check 'json_document: escapes of a pointer' look '/a~1b~0/' null
check 'json_document: the last of equal keys' look /twice true
check 'json_document: an empty array' look /empty '[]'
check 'json_document, plain' same json_document "$scratch/document"
"$scratch/json_document-interned" "$scratch/document" >"$scratch/again"
check 'json_document reads what it prints' gives "$scratch/again" "$scratch/json_document-interned" "$scratch/again"
refuse_json() {
  printf '%s' "$1" >"$scratch/bad"
  check "json_document refuses $1" refuses json_document "$2"
}
refuse_json '[1,]' '1:4: expected a value'
refuse_json '{"a" 1}' '1:6: expected a colon after the key'
refuse_json '01' '1:3: expected a value'
refuse_json '"\ud800"' '1:8: half of a surrogate pair'
refuse_json 'truex' '1:5: there is text after the document'
refuse_json '"abc' '1:5: a string without end'
refuse_json '[1' '1:3: expected a comma or ]'
refuse_json '' '1:1: the text ends before a value'
awk 'BEGIN { while (i++ < 100000) printf "[" }' >"$scratch/bad"
check 'json_document refuses what is too deep' refuses json_document '1:1001: arrays and objects are nested too deeply'

# ---- XML ----

if libraries=$($PKG_CONFIG --cflags --libs expat 2>/dev/null); then
  check 'xml_reader compiles' build xml_reader "$parsers/xml_reader.c"
  check 'xml_reader: usage' usage xml_reader
  cat >"$scratch/types" <<'END2'
<?xml version="1.0"?>
<mime-info>
  <mime-type type="text/x-csrc"><comment>C source code</comment><comment xml:lang="de">C-Quelltext</comment>
    <sub-class-of type="text/plain"/><alias type="text/x-c"/><glob pattern="*.c"/><magic priority="30"/></mime-type>
  <mime-type type="text/plain"><comment>plain &amp; simple</comment></mime-type>
</mime-info>
END2
  cat >"$scratch/expected-types" <<'END2'
text/x-csrc (C source code) is a text/plain or text/x-c *.c
text/plain (plain & simple)
END2
  check 'xml_reader: types' gives "$scratch/expected-types" "$scratch/xml_reader-interned" "$scratch/types"
  check 'xml_reader: a tree, plain' same xml_reader --tree "$scratch/types"
  sed 's/ type="text.plain"//' "$scratch/types" >"$scratch/bad"
  check 'xml_reader refuses a type without name' refuses xml_reader '4: <sub-class-of> without type'
  head -n 4 "$scratch/types" >"$scratch/bad"
  check 'xml_reader refuses half a file' refuses xml_reader '5:1: no element found'
  awk 'BEGIN { for (i = 0; i < 100000; i++) print "<a>"; for (i = 0; i < 100000; i++) print "</a>" }' >"$scratch/bad"
  check 'xml_reader refuses 100,000 elements in each other' refuses xml_reader '1001:1: elements are nested too deeply'
  for file in /usr/share/mime/packages/*.xml; do
    [ -e "$file" ] || continue
    check "xml_reader: $(basename "$file")" same xml_reader "$file"
  done
else
  skip xml_reader 'no expat'
fi
libraries=

# ---- Lisp ----

check 'lisp compiles' build lisp "$parsers"/lisp/*.c
check 'lisp: usage' usage lisp
echo '26 passed, 0 failed' >"$scratch/expected-lisp"
check 'lisp passes its own tests' gives "$scratch/expected-lisp" "$scratch/lisp-interned" "$parsers/lisp/tests.lisp"
check 'lisp, plain' same lisp "$parsers/lisp/tests.lisp"
sed 's/(fib 15) 610/(fib 15) 611/' "$parsers/lisp/tests.lisp" >"$scratch/bad"
check 'its tests can fail' refuses lisp '96: tests failed'
refuse_lisp() {
  printf '%s\n' "$1" >"$scratch/bad"
  check "lisp refuses $1" refuses lisp "$2"
}
refuse_lisp '(car' '1: a list without end: line 2'
refuse_lisp ')' '1: ) closes nothing: line 1'
refuse_lisp '(foo)' '1: no such variable: foo'
refuse_lisp '(+ "a")' '1: expected an integer'
refuse_lisp '(define (f) (+ 1 (f))) (f)' '1: calls are nested too deeply'
refuse_lisp '(* 9223372036854775807 2)' '1: the result is too large'

# ---- A front end ----

check 'front_end compiles' build front_end "$parsers"/front_end/*.c
check 'front_end: usage' usage front_end
example=$parsers/front_end/example.txt
check 'front_end: code, plain' same front_end "$example"
check 'front_end: the type of a function' grep -qx \
  'triangle: fun(string): {name: string, corners: \[{x: int, y: int}\], area: fun(\[{x: int, y: int}\]): int}' "$scratch/given"
echo '46 types made, 22 different' >"$scratch/expected-types"
check 'front_end: equal types are one' gives "$scratch/expected-types" "$scratch/front_end-interned" --types "$example"
refuse_program() {
  printf '%s\n' "$1" >"$scratch/bad"
  check "front_end refuses $1" refuses front_end "$2"
}
refuse_program 'var x: int = "a";' '1:17: expected int, found string'
refuse_program 'fun f(a: int, a: int) {}' '1:21: a is declared twice'
refuse_program 'var x = {a: 1, a: 2};' '1:21: two members are called a'
refuse_program 'var x = {a: 1}.b;' '1:17: {a: int} has no member b'
refuse_program 'fun f() { f(1); }' '1:13: there are too many arguments for fun(): nothing'
refuse_program 'fun f() { 1 = 2; }' '1:13: the left side of = is not a variable'
refuse_program 'var y = z;' '1:9: z is neither a variable nor a function'
refuse_program 'var x = "abc' '1:9: the string has no end'
refuse_program 'fun f() {' '2:1: expected a value'
finish
