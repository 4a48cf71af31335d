# SPDX-License-Identifier: MIT
"""W11: who takes part, in which modes, and the table."""

from . import figures, peers

# Each is the program of a peer in one mode: name, what it is, the peer, and what stands before its command.
_INCREMENTAL = ["env", "GC_ENABLE_INCREMENTAL=1"]
_STOP_THE_WORLD = ["env", "-u", "GC_ENABLE_INCREMENTAL"]
_ZGC = ["env", "JDK_JAVA_OPTIONS=-XX:+UseZGC"]
_G1 = ["env", "JDK_JAVA_OPTIONS=-XX:+UseG1GC"]
# The other workloads give Java a heap that is large from the beginning; here collections are what is measured.
_JAVA_HEAP = ("-Xms4g", "-Xms256m")
_ALL = [
    ("hapax", "hapax", "hapax", _STOP_THE_WORLD),
    ("bare", "bare heap", "bare", _STOP_THE_WORLD),
    ("hapax-incremental", "hapax, incremental", "hapax", _INCREMENTAL),
    ("bare-incremental", "bare heap, incremental", "bare", _INCREMENTAL),
    ("go", "Go unique.Make", "go", []),
    ("guava-g1", "Guava, G1", "guava", _G1),
    ("guava-zgc", "Guava, ZGC", "guava", _ZGC),
    ("glib", "GLib, counted", "glib", []),
    ("flyweight", "boost::flyweight", "flyweight", []),
    ("internment", "Rust ArcIntern", "internment", []),
]
WHAT = {name: what for name, what, _, _ in _ALL}

_COLUMNS = [("p50_ns", 1), ("p99_ns", 1), ("p999_ns", 1), ("p9999_ns", 1e3), ("longest_ns", 1e3)]


def programs(built, shop):
    """The programs that take part, of the peers that were built; the bare heap comes with hapax."""
    commands = {peer.name: peer.command for peer in built}
    if "hapax" in commands:
        commands["bare"] = peers.make_bare(shop)
    asked, given = _JAVA_HEAP
    return [peers.Peer(name, what, [*before, *[given if word == asked else word for word in commands[source]]])
            for name, what, source, before in _ALL if source in commands]


def _longest_stop(summary, name):
    """In ns; None where a round saw no stop: that shows nothing."""
    if not figures.get(summary, name, "W11/stops", "stops", "min"):
        return None
    return figures.get(summary, name, "W11/stops", "longest_ns")


def stops_beside_bare(summary, mode):
    """hapax's longest stop in multiples of the bare heap's in the same mode, by the medians over the rounds."""
    ours, bare = _longest_stop(summary, "hapax" + mode), _longest_stop(summary, "bare" + mode)
    return None if ours is None or not bare else ours / bare


def goals(data):
    """Rows of: what, measured, at most; None where it was not measured."""
    rows = []
    for held, summary in data["summary"].get("latency", {}).items():
        beside = "among {:,}".format(int(held))
        tail, bare = (figures.get(summary, name, "W11/hit", "p9999_ns") for name in ("hapax-incremental", "bare-incremental"))
        rows += [
            ("W11, p99.99 of a hit %s, incremental, us" % beside, None if tail is None else tail / 1e3, 20),
            ("W11, the same, in multiples of a bare read", None if tail is None or not bare else tail / bare, 1.2),
            ("W11, longest stop %s, in bare ones" % beside, stops_beside_bare(summary, ""), 1.2),
            ("W11, the same, incremental", stops_beside_bare(summary, "-incremental"), 1.2),
        ]
    return rows


def _row(summary, name, held, label):
    cells = ["{:,}".format(int(held)), WHAT[name]]
    for key, unit in _COLUMNS:
        value = figures.get(summary, name, "W11/" + label, key)
        cells.append("" if value is None else ("%.0f" if unit == 1 else "%.1f") % (value / unit))
    return cells


def _stops(summary, name, held):
    stops, longest = figures.get(summary, name, "W11/stops", "stops"), _longest_stop(summary, name)
    return ["{:,}".format(int(held)), WHAT[name], "" if stops is None else "%.0f" % stops,
            "" if longest is None else "%.2f" % (longest / 1e6), str(summary[name]["W11/hit"]["p50_ns"]["rounds"])]


def section(data, table, wrapped):
    """The lines of the report; table(head, rows) writes one, wrapped(text) a paragraph."""
    took_part = [(summary, name, held) for held, summary in data["summary"].get("latency", {}).items()
                 for name in WHAT if "W11/hit" in summary.get(name, {})]
    if not took_part:
        return []
    head = ["held", "", "p50", "p99", "p99.9", "p99.99, us", "longest, us"]
    return ["## Latency (W11)", "",
            *wrapped("One thread interns while values are held: nine times one of these values, then a new one, which it drops at "
                     "once. Each operation is timed by itself, without the cost of reading the clock. Times are ns or, where it "
                     "says so, us: medians over the rounds. A longest time includes whatever the system did meanwhile."), "",
            "A hit:", "", *table(head, [_row(*one, "hit") for one in took_part]),
            "A new value:", "", *table(head, [_row(*one, "new") for one in took_part]),
            *wrapped("Stops, as each collector reports them: bdwgc by its events, Go by its pauses, Java in whole milliseconds. If "
                     "the longest is empty, a round saw no stop."), "",
            *table(["held", "", "stops", "longest, ms", "rounds"], [_stops(*one) for one in took_part])]
