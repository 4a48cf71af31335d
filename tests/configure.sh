#!/bin/sh
# SPDX-License-Identifier: MIT
# What configure decides: the warnings that the library is compiled with, and the library of atomic operations.
. "$top_srcdir/tests/functions"

# value NAME FOLDER: of a variable of a makefile.
value() {
  sed -n "s/^$1 = \\(.*\\)/\\1/p" "$2/Makefile"
}

# ---- Warnings ----

# warns MISTAKE: the compiler says something, and goes on unless configured with --enable-werror.
warns() {
  printf '%s\n' "$1" >"$scratch/mistake.c"
  flags=$(value WARNING_CFLAGS "$top_builddir")
  # shellcheck disable=SC2086
  $CC -std=gnu11 $flags -c -o "$scratch/mistake.o" "$scratch/mistake.c" >"$scratch/said" 2>&1
  status=$?
  echo "$flags: exit status $status"
  cat "$scratch/said"
  case " $flags " in
    *' -Werror '*) [ "$status" -ne 0 ] ;;
    *) [ "$status" -eq 0 ] && [ -s "$scratch/said" ] ;;
  esac
}

# A line each.
while read -r name mistake; do
  check "warns of $name" warns "$mistake"
done <<'END'
nothing-used       static int nothing_used;
missing-prototypes int f(void) { return 0; }
strict-prototypes  int f();
shadow             int f(int a); int f(int a) { { int a = 1; (void)a; } return a; }
unused-parameters  int f(int a); int f(int a) { return 0; }
pointer-arithmetic void *f(void *a); void *f(void *a) { return a + 1; }
constant-strings   void f(void); void f(void) { char *a = "a"; (void)a; }
variable-arrays    int f(int a); int f(int a) { int b[a]; b[0] = a; return b[0]; }
formats            int printf(const char *, ...); int f(const char *a); int f(const char *a) { return printf(a); }
fallthrough        int f(int a); int f(int a) { switch (a) { case 0: a = 3; case 1: return a; default: return 2; } }
END
undefined() { warns '#if UNDEFINED
#endif
extern int not_empty;'; }
check 'warns of undefined macros' undefined

# ---- Atomic operations ----

# A compiler that needs -latomic for programs with atomic operations, or that has none at all.
cat >"$scratch/cc" <<END
#!/bin/sh
has=no
links=yes
for word; do
  shift
  case \$word in
    -latomic) has=$scratch/has_atomics; continue ;;
    -c | -E | -S) links=no ;;
  esac
  set -- "\$@" "\$word"
done
if [ \$links = yes ] && [ ! -e "\$has" ] && grep -q 'stdatomic\.h' conftest.c 2>/dev/null; then exit 1; fi
exec $CC "\$@"
END
chmod +x "$scratch/cc"

configure() {
  unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS
  mkdir -p "$scratch/build" && (cd "$scratch/build" &&
    "$top_srcdir/configure" -q --disable-static --enable-werror CC="$scratch/cc") >"$scratch/configured" 2>&1
  status=$?
  cat "$scratch/configured"
  return "$status"
}

refused() { ! configure && grep -q 'hapax needs atomic operations' "$scratch/configured"; }
is_linked() { value LIBS "$scratch/build" | grep -e '-latomic'; }
is_told() { grep '^Libs\.private:.* -latomic' "$scratch/build/hapax.pc"; }
has_werror() { value WARNING_CFLAGS "$scratch/build" | grep -e ' -Werror'; }

if [ -e "$top_srcdir/config.status" ]; then
  skip configure 'the source folder is configured'
else
  check 'a compiler without atomic operations is refused' refused
  touch "$scratch/has_atomics"
  check 'one with a library of them is not' configure
  check 'the library is linked' is_linked
  check 'pkg-config tells of it' is_told
  check '--enable-werror: warnings are errors' has_werror
fi
finish
