# SPDX-License-Identifier: MIT
"""The programs that are measured: how each is built, and what it needs for that.

Everything is built outside the source tree, into the cache folder.
"""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
PEERS = BENCH / "peers"

C_FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic"]
CXX_FLAGS = ["-std=c++17", "-O2", "-Wall", "-Wextra"]


class Missing(Exception):
    """A peer cannot be built here; says what is not there."""


class BuildFailed(Exception):
    """Everything is there, and still it does not build."""


@dataclass
class Peer:
    """A peer as it is measured: what to run, and what it cannot do."""

    name: str
    what: str
    command: list = field(default_factory=list)
    takes_part_of_corpus: bool = False  # knows --tokens and --least-operations
    most_values: int = 0  # how far the growth section takes it; 0: not at all


@dataclass
class Workshop:
    """Where and with what peers are built."""

    cache: Path
    build: Path  # hapax's build folder
    overrides: dict  # name -> program given on the command line
    say: object  # called with a line of progress

    @property
    def programs(self):
        return self.cache / "programs"

    def run(self, command, **options):
        result = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
        if result.returncode != 0:
            raise BuildFailed("%s\n%s" % (shlex.join(str(word) for word in command), result.stdout[-4000:]))
        return result.stdout


def need_tool(*names):
    for name in names:
        if shutil.which(name) is None:
            raise Missing("there is no %s" % name)


def c_compiler():
    compiler = shlex.split(os.environ.get("CC", "cc"))
    need_tool(compiler[0])
    return compiler


def cxx_compiler():
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    need_tool(compiler[0])
    return compiler


def package_flags(package):
    need_tool("pkg-config")
    result = subprocess.run(["pkg-config", "--cflags", "--libs", package], capture_output=True, text=True)
    if result.returncode != 0:
        raise Missing("pkg-config knows no %s" % package)
    return shlex.split(result.stdout)


def package_version(package):
    return subprocess.run(["pkg-config", "--modversion", package], capture_output=True, text=True).stdout.strip()


def need_header(compiler, language, header, flags=()):
    result = subprocess.run(
        [*compiler, "-x", language, *flags, "-include", header, "-E", os.devnull], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if result.returncode != 0:
        raise Missing("there is no header %s" % header)


def is_current(program, sources):
    if not program.exists():
        return False
    built = program.stat().st_mtime
    return all(source.stat().st_mtime < built for source in sources)


def own_sources(*names):
    """The sources of a C peer: its own and the harness."""
    sources = [BENCH / "harness.c"] + [BENCH / name for name in names]
    return sources, sources + sorted(BENCH.glob("*.h"))


def compile_c(shop, program, names, flags=()):
    sources, all_sources = own_sources(*names)
    target = shop.programs / program
    if not is_current(target, all_sources):
        shop.run([*c_compiler(), *C_FLAGS, "-I", BENCH, *sources, "-o", target, *flags, "-pthread"])
    return [str(target)]


# ---- One function for each peer; each returns the command that runs it. -------


def make_limit(shop):
    need_header(c_compiler(), "c", "xxhash.h")
    return compile_c(shop, "limit", ["limit.c"])


def _link_with_hapax(shop, program, names, flags=(), compiler=None):
    """The library by its own makefile, the program with the limit's flags; libtool links what the library needs."""
    need_tool("make")
    if not (shop.build / "Makefile").exists():
        raise Missing("no Makefile in the build folder: configure hapax, or name the folder with --build")
    # Begins as the user's own make would, not as a part of one that runs bench/run.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    shop.run(["make", "-C", shop.build, "src/libhapax.la"], env=environment)
    target = shop.programs / program
    shop.run([shop.build / "libtool", "--silent", "--tag=CC", "--mode=link", *(compiler or [*c_compiler(), *C_FLAGS]), "-no-install",
              "-I", BENCH.parent / "include", "-I", BENCH, *names, shop.build / "src" / "libhapax.la", *flags, "-pthread",
              "-o", target])
    return [str(target)]


def make_hapax(shop):
    sources, _ = own_sources("hapax_bench.c", "hapax_primitives.c", "bare_heap.c", "stops.c")
    return _link_with_hapax(shop, "hapax", sources, package_flags("bdw-gc"))


def make_bare(shop):
    """The bare heap of W11, linked as the peers on bdwgc are."""
    return compile_c(shop, "bare", ["bare_latency.c", "stops.c"], package_flags("bdw-gc"))


def make_natural(shop):
    """The program of W13, which is its own peer: the same work in two ways."""
    return Peer("hapax", "hapax", _link_with_hapax(shop, "natural", [BENCH / "natural_bench.c"]))


def make_cxx(shop):
    """The program of W14, which is its own peer as well."""
    return Peer("hapax", "hapax", _link_with_hapax(shop, "cxx", [BENCH / "cxx_bench.cc"],
                                                   compiler=[*cxx_compiler(), *CXX_FLAGS]))


def make_glib(shop):
    return compile_c(shop, "glib", ["peers/glib.c"], package_flags("glib-2.0"))


def make_liburcu(shop):
    flags = package_flags("liburcu") + package_flags("liburcu-cds")
    need_header(c_compiler(), "c", "xxhash.h")
    version = '-DLIBURCU_VERSION="%s"' % package_version("liburcu")
    return compile_c(shop, "liburcu", ["peers/liburcu.c"], [version, *flags, "-lurcu-memb"])


def make_bdwgc(shop):
    need_header(c_compiler(), "c", "xxhash.h")
    return compile_c(shop, "bdwgc", ["peers/bdwgc_links.c", "bare_heap.c"], package_flags("bdw-gc"))


def make_guile(shop):
    flags = package_flags("guile-3.0") + package_flags("bdw-gc")
    return compile_c(shop, "guile", ["peers/guile.c", "bare_heap.c"], flags)


def boost_flags():
    """BOOST_CPPFLAGS names another Boost than the system's."""
    return shlex.split(os.environ.get("BOOST_CPPFLAGS", ""))


def make_flyweight(shop, program="flyweight", header="boost/flyweight.hpp", flags=()):
    need_header(cxx_compiler(), "c++", header, boost_flags())
    harness = shop.programs / "harness.o"
    target = shop.programs / program
    _, sources = own_sources("peers/flyweight.cc")
    if not is_current(target, sources):
        shop.run([*c_compiler(), *C_FLAGS, "-c", BENCH / "harness.c", "-o", harness])
        shop.run([*cxx_compiler(), *CXX_FLAGS, *boost_flags(), *flags, "-I", BENCH, PEERS / "flyweight.cc", harness,
                  "-o", target, "-pthread"])
    return [str(target)]


def make_flyweight_concurrent(shop):
    return make_flyweight(shop, "flyweight-concurrent", "boost/flyweight/concurrent_factory.hpp",
                          ["-DHAPAX_BENCH_CONCURRENT"])


def make_rust(name):
    def make(shop):
        need_tool("cargo")
        target = shop.cache / "rust"
        shop.run(["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", PEERS / "rust" / "Cargo.toml",
                  "--target-dir", target, "--bin", name])
        return [str(target / "release" / name)]

    return make


def make_go(shop):
    need_tool("go")
    target = shop.programs / "go-unique"
    shop.run(["go", "build", "-o", target, "."], cwd=PEERS / "go")
    return [str(target)]


def make_java(name):
    def make(shop):
        need_tool("java", "javac", "mvn")
        classes = shop.cache / "java"
        classes.mkdir(parents=True, exist_ok=True)
        sources = [PEERS / "java" / name for name in ("Interners.java", "Latency.java")]
        jars = sorted(classes.glob("guava-*.jar"))
        if not jars or not is_current(jars[0], [PEERS / "java" / "pom.xml"]):
            for jar in jars:
                jar.unlink()
            shop.run(["mvn", "-q", "-B", "-f", PEERS / "java" / "pom.xml", "dependency:copy-dependencies",
                      "-DincludeArtifactIds=guava", "-DoutputDirectory=%s" % classes])
            jars = sorted(classes.glob("guava-*.jar"))
            jars[0].touch()
        path = "%s%s%s" % (classes, os.pathsep, jars[0])
        if not is_current(classes / "Interners.class", [*sources, jars[0]]):
            shop.run(["javac", "-cp", path, "-d", classes, *sources])
        version = jars[0].stem.removeprefix("guava-").removesuffix("-jre")
        # A heap of fixed size, so that growing it is no part of the figures; a
        # string table with a bucket for each value, as those who intern many set it.
        return ["java", "-Xms4g", "-Xmx4g", "-XX:StringTableSize=1048576", "-Dguava.version=%s" % version, "-cp", path,
                "Interners", "--peer=%s" % name]

    return make


# Name, what it is, its builder, and how far the growth section takes it.
_ALL = [
    ("limit", "the limit", make_limit, 20_000_000),
    ("hapax", "hapax", make_hapax, 20_000_000),
    ("glib", "GLib g_ref_string_new_intern, counted", make_glib, 0),
    ("liburcu", "liburcu cds_lfht, presized, each value deleted by the program", make_liburcu, 1_000_000),
    ("flyweight", "boost::flyweight, counted, default factory", make_flyweight, 0),
    ("flyweight-concurrent", "boost::flyweight, counted, concurrent factory", make_flyweight_concurrent, 0),
    ("bdwgc", "bdwgc links and finalizers, under one mutex", make_bdwgc, 1_000_000),
    ("guile", "Guile 3 symbols", make_guile, 0),
    ("ustr", "Rust ustr, never frees", make_rust("ustr"), 0),
    ("internment", "Rust internment::ArcIntern, counted", make_rust("internment"), 0),
    ("lasso", "Rust lasso::ThreadedRodeo, never frees", make_rust("lasso"), 0),
    ("dashmap", "Rust DashMap of Arc<str>, counted, swept by the program", make_rust("dashmap"), 0),
    ("go", "Go unique.Make, collector off during timed loops", make_go, 0),
    ("guava", "Guava weak interner", make_java("guava"), 0),
    ("string-intern", "Java String.intern, 1 Mi buckets", make_java("string-intern"), 0),
]
NAMES = [name for name, _, _, _ in _ALL]
_IN_C = {"limit", "hapax", "glib", "liburcu", "flyweight", "flyweight-concurrent", "bdwgc", "guile"}


def make_peers(names, shop):
    """Builds the peers that were asked for.

    Returns them, why others are not there, and which of these should have built."""
    shop.programs.mkdir(parents=True, exist_ok=True)
    peers, skipped, broken = [], {}, []
    for name, what, make, most_values in _ALL:
        if name not in names:
            continue
        try:
            command = [shop.overrides[name]] if shop.overrides.get(name) else make(shop)
        except Missing as reason:
            skipped[name] = str(reason)
            shop.say("%s is skipped: %s" % (name, reason))
            continue
        except BuildFailed as reason:
            skipped[name] = "it does not build"
            broken.append(name)
            shop.say("%s does not build:\n%s" % (name, reason))
            continue
        peers.append(Peer(name, what, command, name in _IN_C, most_values))
    return peers, skipped, broken


def make_prepare(shop):
    shop.programs.mkdir(parents=True, exist_ok=True)
    return compile_c(shop, "prepare", ["prepare.c"])
