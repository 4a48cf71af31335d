#!/bin/sh
# SPDX-License-Identifier: MIT
# A program with more rights than its caller lets the caller's environment neither switch anything on nor name programs and
# files. Needs root: makes a program set-user-ID and calls it as nobody.
. "$top_srcdir/tests/functions"

[ "$(id -u)" = 0 ] || skip_all 'only root can give a program away'
command -v setpriv >/dev/null || skip_all 'no setpriv'

chmod 755 "$scratch"
mkdir "$scratch/bin" "$scratch/lib" "$scratch/written"
# Nobody need not be able to read the build.
cp "$top_builddir"/src/.libs/libhapax.so.[0-9]* "$scratch/lib" 2>/dev/null
chmod 777 "$scratch/written"
cat >"$scratch/bin/addr2line" <<END
#!/bin/sh
id -u >"$scratch/written/addr2line.\$\$"
END
cp "$top_builddir/tests/setuid_program" "$scratch/usual"
cp "$top_builddir/tests/setuid_program" "$scratch/secure"
chmod 755 "$scratch/bin/addr2line" "$scratch/usual"
chmod 4755 "$scratch/secure"

# call PROGRAM: as nobody, with an environment that asks for everything.
call() {
  rm -f "$scratch/written/"*
  HAPAX_DEBUG=errors,cleanups,stats PATH="$scratch/bin:$PATH" LD_LIBRARY_PATH="$scratch/lib" \
    GC_LOG_FILE="$scratch/written/log" GC_PRINT_STATS=1 \
    setpriv --reuid=65534 --clear-groups "$scratch/$1" >"$scratch/said" 2>"$scratch/complaints"
}

call secure
[ "$(cat "$scratch/said")" = secure ] || skip_all "set-user-ID has no effect here: $(cat "$scratch/complaints")"

# But that it cannot search a sanitizer's malloc, which everybody is told.
check 'says nothing' sh -c "! grep -v '^hapax: malloc memory is not searched' '$scratch/complaints'"
check 'runs no program' test -z "$(find "$scratch/written" -name 'addr2line.*')"
check 'writes no log' test ! -e "$scratch/written/log"

# The same program and environment with the caller's own rights: what is asked for happens.
call usual
check 'with usual rights: usual' grep -x usual "$scratch/said"
check 'with usual rights: reports' grep 'hapax: ' "$scratch/complaints"
check 'with usual rights: addr2line is found' test -n "$(find "$scratch/written" -name 'addr2line.*')"
check 'with usual rights: a log is written' test -e "$scratch/written/log"
finish
