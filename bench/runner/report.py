# SPDX-License-Identifier: MIT
"""Writes results.json and results.md, and the line that sums a run up."""

import json

from . import figures, goals, latency

_GET = figures.get


def _ratio(summary, peer, label):
    """Median, and in brackets the least and the most over the rounds."""
    if peer == "limit":
        return ""
    found = summary.get(peer, {}).get(label, {}).get("ratio")
    if found is None:
        return ""
    return "%.2f (%.2f-%.2f)" % (found["median"], found["min"], found["max"])


def _number(summary, peer, label, key, form="%.0f"):
    value = _GET(summary, peer, label, key)
    return "" if value is None else form % value


def _table(head, rows):
    lines = ["| %s |" % " | ".join(head), "|%s|" % "|".join(["---"] + ["---:"] * (len(head) - 1))]
    lines += ["| %s |" % " | ".join(row) for row in rows]
    return lines + [""]


def _thread_labels(summary):
    labels = {label for labels in summary.values() for label in labels if label.startswith("W4/")}
    return sorted(labels, key=lambda label: int(label.split("/")[1]))


def _threads_title(label):
    threads = label.split("/")[1]
    return "W4, %s thread%s" % (threads, "" if threads == "1" else "s")


def _rounds_of(count):
    return "1 round" if count == 1 else "%d rounds" % count


def _names(data, summary):
    return [peer for peer in data["peer_order"] if peer in summary]


def _rounds(summary):
    counts = [label["ns_per_op"]["rounds"] for peer in summary.values() for name, label in peer.items() if name == "W1"]
    return _rounds_of(min(counts, default=0))


def _goals(data):
    rows = [list(row) for row in goals.table(data)]
    if not rows:
        return []
    return ["## What it is meant to reach", "", *_table(["", "measured", "at most", "reached"], rows)]


def _lookups(data):
    summary = data["summary"]["reference"]
    threads = _thread_labels(summary)
    labels = ["W1", "W2", "W3", *threads, "W8/W2", "W8/W3"]
    head = ["", "W1 build", "W2 hit", "W3 cold hit", *[_threads_title(name) for name in threads],
            "W8 batch, W2", "W8 batch, W3"]
    rows = [[data["what"][peer], *[_ratio(summary, peer, label) for label in labels]] for peer in _names(data, summary)
            if peer != "limit"]
    absolute = ["the limit itself, ns", *[_number(summary, "limit", label, "ns_per_op", "%.1f") for label in labels]]
    return ["## Lookups, in multiples of the limit", "",
            "Time for one operation over that of the limit, measured in the same turn: the median of %s, and in" %
            _rounds(summary),
            "brackets the least and the most.", "", *_table(head, [absolute, *rows])]


def _memory(data):
    summary = data["summary"]["reference"]
    head = ["", "W5 resident, B", "W5 allocator, B", "W6 reclaim, ns", "W6 collections", "W6 heap left, MB",
            "W7 one collection, ms", "W7 more than a bare heap, ms"]
    rows = [[
        data["what"][peer],
        _number(summary, peer, "W5", "resident_bytes_per_value", "%.1f"),
        _number(summary, peer, "W5", "heap_bytes_per_value", "%.1f"),
        _number(summary, peer, "W6", "ns_per_value"),
        _number(summary, peer, "W6", "collections", "%g"),
        _number(summary, peer, "W6", "heap_left_mb", "%.1f"),
        _number(summary, peer, "W7", "collect_ms", "%.1f"),
        _number(summary, peer, "W7", "extra_ms", "%.1f"),
    ] for peer in _names(data, summary)]
    return ["## Memory, reclaim, pause", "",
            "Bytes are for each distinct value beyond its raw text, handles not counted. Times are medians (of two rounds at",
            "most, hapax's of all) in units of their own: read them beside the limit's figures above.", "", *_table(head, rows)]


def _churn(data):
    summary = data["summary"]["reference"]
    rows = []
    for peer in _names(data, summary):
        if "W9/1" not in summary[peer]:
            continue
        row = [data["what"][peer]]
        for label in ("W9/1", "W9/2"):
            grown = _GET(summary, peer, label, "resident_end_mb") - _GET(summary, peer, label, "resident_quarter_mb")
            flat = _GET(summary, peer, label, "flat", "min") == 1
            row += [_number(summary, peer, label, "ns_per_op"), "%+.0f" % grown, "yes" if flat else "no"]
        rows.append(row)
    if not rows:
        return []
    head = ["", "1 thread, ns", "grown, MB", "flat", "2 threads, ns", "grown, MB", "flat"]
    return ["## W9: churn", "", "New values, each dropped at once. Grown: resident size at the end, less that after a quarter.",
            "", *_table(head, rows)]


def _primitives(data):
    summary = data["summary"]["reference"]
    labels = list(dict.fromkeys(label for peer in ("hapax", "go") for label in summary.get(peer, {})
                                if label.startswith("W10/")))
    if not labels:
        return []
    rows = [[label.split("/", 1)[1], *[_number(summary, peer, label, "ns_per_op", "%.1f") for peer in ("hapax", "go")]]
            for label in labels]
    return ["## W10: single operations, ns", "", *_table(["", "hapax", "Go"], rows)]


def _search(data):
    summary = data["summary"].get("search", {})
    if not summary:
        return []

    def row(label, *columns):
        return [label, *[_number(summary, "hapax", "W13/" + label, key, form) for key, form in columns]]

    ways = [row(way, ("seconds", "%.3f"), ("collections", "%.0f"), ("searched_mb", "%.0f"), ("search_ms", "%.1f"))
            for way in ("natural", "explicit")]
    sizes = [row("%d MB" % size, ("ms", "%.1f"), ("search_gb_per_second", "%.1f"), ("read_gb_per_second", "%.1f"))
             for size in (10, 100, 1000)]
    return ["## The search of malloc's memory (W13)", "",
            "A JSON reader with a tree of malloc's: natural, with the search on, and explicit, with a table that keeps its",
            "values and the search off. All other workloads run with the search off: they measure the table.", "",
            *_table(["", "seconds", "collections", "MB searched", "ms of search"], ways),
            "A collection beside so much memory of malloc's, and a plain read of the same memory in the same run.", "",
            *_table(["", "ms", "search, GB/s", "plain read, GB/s"], [size for size in sizes if size[1]])]


def _cxx(data):
    summary = data["summary"].get("cxx", {})
    if not summary:
        return []
    rows = [[what, *[_number(summary, "hapax", "W14/%s %s" % (way, key), "ns_per_op", "%.1f") for way in ("C", "C++")]]
            for what, key in (("a hit", "hit"), ("a new value", "new"))]
    return ["## The C++ types (W14)", "",
            "The same loop through the functions of C and through `hapax::handle` of `<hapax.hpp>`, in turn in one program:",
            "ns of processor time a call.", "", *_table(["", "C", "C++"], rows)]


def _corpora(data):
    lines = []
    for corpus, summary in data["summary"]["corpora"].items():
        rows = [[data["what"][peer], *[_ratio(summary, peer, label) for label in ("W1", "W2", "W3")],
                 _number(summary, peer, "W5", "resident_bytes_per_value", "%.1f")] for peer in _names(data, summary)
                if peer != "limit"]
        absolute = ["the limit itself, ns and B",
                    *[_number(summary, "limit", label, "ns_per_op", "%.1f") for label in ("W1", "W2", "W3")],
                    _number(summary, "limit", "W5", "resident_bytes_per_value", "%.1f")]
        lines += ["### %s (%s)" % (corpus, _rounds(summary)), "",
                  *_table(["", "W1", "W2", "W3", "W5 resident, B"], [absolute, *rows])]
    return ["## Other corpora, in multiples of the limit", "", *lines] if lines else []


def _growth(data):
    rows = []
    for count, summary in data["summary"]["growth"].items():
        for peer in _names(data, summary):
            rows.append([
                "{:,}".format(int(count)), data["what"][peer],
                *[_number(summary, peer, label, "ns_per_op", "%.1f") for label in ("W2", "W3", "W8/W3")],
                _ratio(summary, peer, "W2"), _ratio(summary, peer, "W3"),
                _number(summary, peer, "W5", "resident_bytes_per_value", "%.1f"),
                _number(summary, peer, "W7", "extra_ms", "%.1f"),
                str(summary[peer]["W2"]["ns_per_op"]["rounds"]),
            ])
    if not rows:
        return []
    head = ["values", "", "W2, ns", "W3, ns", "W8 batch of W3, ns", "W2 / limit", "W3 / limit", "W5 resident, B",
            "W7 more than a bare heap, ms", "rounds"]
    return ["## From a thousand values to twenty million", "", *_table(head, rows)]


def _setting(data):
    machine, corpus = data["machine"], data["corpus"]
    lines = ["Machine: %s, %d processors, %s, %s GB; %s, Linux %s, %s." % (
        machine["cpu"], machine["processors"], machine["caches"] or "caches unknown", machine["memory_gb"],
        machine["system"], machine["kernel"], machine["compiler"]), ""]
    if corpus:
        lines += ["Corpus: %s, {:,} tokens, {:,} distinct, %.1f bytes each.".format(
            corpus["tokens"], corpus["distinct"]) % (corpus["name"], corpus["raw_bytes_per_value"]), ""]
    versions = ["%s: %s" % (data["what"][peer], data["versions"][peer]) for peer in data["peer_order"]
                if peer in data["versions"]]
    lines += ["Versions: %s." % "; ".join(versions), ""]
    if data["skipped"]:
        lines += ["Not measured: %s." % "; ".join("%s (%s)" % item for item in data["skipped"].items()), ""]
    if data["left_out"]:
        lines += ["Left out for lack of time: %s." % "; ".join(data["left_out"]), ""]
    if data["faults"]:
        lines += ["**Wrong answers and failures:**", "", *["- %s" % fault for fault in data["faults"]], ""]
    return lines


_PLOTS = [
    ("lookups.svg", "Lookups in multiples of the limit"),
    ("threads.svg", "Lookups by threads"),
    ("growth.svg", "Lookups by the number of values"),
    ("pause.svg", "What a full collection takes by the number of live values"),
    ("memory.svg", "Bytes for each value"),
]


def markdown(data, plots):
    parts = ["# Speed and memory beside the limit and the peers", "", *_setting(data)]
    parts += _goals(data)
    if data["summary"]["reference"]:
        parts += _lookups(data) + _memory(data) + _churn(data) + _primitives(data)
    parts += _search(data)
    parts += _cxx(data)
    parts += latency.section(data, _table)
    parts += _corpora(data) + _growth(data)
    for name, title in _PLOTS:
        if name in plots:
            parts += ["![%s](%s)" % (title, name), ""]
    return "\n".join(parts).rstrip() + "\n"


README_BEGIN = "<!-- figures: written by bench/run --readme -->"
README_END = "<!-- end of figures -->"


def _readme(data):
    """The figures that a reader wants first, and where they come from."""
    summary = data["summary"]["reference"]
    threads = _thread_labels(summary)[-1:]
    head = ["", "build", "hit", "cold hit", *["hit, %s" % _threads_title(name).partition(", ")[2] for name in threads],
            "bytes a value", "reclaim, ns", "collection, ms"]

    def ratio(peer, label):
        found = summary.get(peer, {}).get(label, {}).get("ratio")
        if peer == "limit" or found is None:
            return _number(summary, peer, label, "ns_per_op", "%.0f ns")
        return "%.2f" % found["median"]

    rows = [[data["what"][peer], *[ratio(peer, label) for label in ("W1", "W2", "W3", *threads)],
             _number(summary, peer, "W5", "resident_bytes_per_value"), _number(summary, peer, "W6", "ns_per_value"),
             _number(summary, peer, "W7", "extra_ms", "+%.0f")] for peer in _names(data, summary)]
    machine = data["machine"]
    corpus = data["corpus"]
    about = ["%s, %s processors; %s; %s."
             % (machine["cpu"], machine["processors"], machine["system"], data["versions"].get("bdwgc", "bdwgc")),
             "{:,} tokens, {:,} distinct, {:.1f} bytes each: medians of {}, in multiples of the limit in the same turn."
             .format(corpus["tokens"], corpus["distinct"], corpus["raw_bytes_per_value"], _rounds(summary)),
             "Bytes are resident, beyond the text; a collection is what the live values add to a full one.", ""]
    return "\n".join(about + _table(head, rows) + ["![Lookups in multiples of the limit](bench/results/lookups.svg)"])


def into_readme(data, path):
    """Replaces what stands between the two marks; a README without them is an error."""
    text = path.read_text()
    before, begin, rest = text.partition(README_BEGIN)
    _, end, after = rest.partition(README_END)
    if not begin or not end:
        raise ValueError("%s has no place for figures: '%s' to '%s'" % (path, README_BEGIN, README_END))
    path.write_text("%s%s\n%s\n%s%s" % (before, begin, _readme(data), end, after))


def summary_line(data):
    """One line that says how it went."""
    summary = data["summary"]["reference"]
    said = []
    for label in ("W1", "W2", "W3", *_thread_labels(summary), "W8/W2", "W8/W3"):
        value = _GET(summary, "hapax", label, "ratio")
        if value is not None:
            said.append("%s %.2f" % (label, value))
    words = "hapax / limit: %s" % ", ".join(said) if said else "hapax was not measured"
    for label, key, form in (("W5", "resident_bytes_per_value", "%.1f B per value"),
                             ("W6", "ns_per_value", "%.0f ns to evict one"),
                             ("W7", "extra_ms", "%.1f ms more pause")):
        value = _GET(summary, "hapax", label, key)
        if value is not None:
            words += "; " + form % value
    state = "all answers right" if not data["faults"] else "%d WRONG OR FAILED" % len(data["faults"])
    return "%s; %d programs, %d s; %s" % (words, len(data["versions"]), data["seconds"], state)


def write_json(data, path):
    path.write_text(json.dumps(data, indent=1) + "\n")
