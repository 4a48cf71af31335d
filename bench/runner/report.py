# SPDX-License-Identifier: MIT
"""Writes results.json and results.md, and the line that sums a run up.

Prose is wrapped at 80 columns. Tables call each peer by its short name, as the plots do, so that they fit as well.
"""

import json
import textwrap

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


def _wrapped(text, hanging=""):
    return textwrap.wrap(text, 80, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def _thread_labels(summary):
    labels = {label for labels in summary.values() for label in labels if label.startswith("W4/")}
    return sorted(labels, key=lambda label: int(label.split("/")[1]))


def _threads_title(label):
    threads = label.split("/")[1]
    return "%s thread%s" % (threads, "" if threads == "1" else "s")


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
    return ["## Goals", "", *_table(["", "measured", "at most", "reached"], rows)]


def _lookups(data):
    summary = data["summary"]["reference"]
    threads = _thread_labels(summary)
    # One table of W1 to W3, then the threads, then the batches: three columns beside each other.
    groups = [("", ["W1", "W2", "W3"], ["W1 build", "W2 hit", "W3 cold hit"]),
              *[("Hits in all threads at once (W4), a thread's own time for one:", some, [_threads_title(name) for name in some])
                for some in (threads[i:i + 3] for i in range(0, len(threads), 3))],
              ("In batches of `hapax_make_handles` (W8), in multiples of the limit's batches:", ["W8/W2", "W8/W3"],
               ["W8 of hits", "W8 of cold hits"])]
    lines = ["## Lookups, in multiples of the limit", "",
             *_wrapped("The time for one operation divided by the limit's, both measured in the same turn: the median of %s, "
                       "and in brackets the least and the most." % _rounds(summary)), ""]
    for title, labels, heads in groups:
        rows = [[peer, *ratios] for peer, ratios in ((peer, [_ratio(summary, peer, label) for label in labels])
                                                     for peer in _names(data, summary) if peer != "limit") if any(ratios)]
        if rows:
            absolute = ["the limit, ns", *[_number(summary, "limit", label, "ns_per_op", "%.1f") for label in labels]]
            lines += [title, ""] if title else []
            lines += _table(["", *heads], [absolute, *rows])
    return lines


def _memory(data):
    summary = data["summary"]["reference"]
    head = ["", "W5, B", "heap, B", "W6, ns", "collections", "left, MB", "W7, ms", "more, ms"]
    columns = [("W5", "resident_bytes_per_value", "%.1f"), ("W5", "heap_bytes_per_value", "%.1f"), ("W6", "ns_per_value", "%.0f"),
               ("W6", "collections", "%g"), ("W6", "heap_left_mb", "%.1f"), ("W7", "collect_ms", "%.1f"),
               ("W7", "extra_ms", "%.1f")]
    rows = [[peer, *[_number(summary, peer, *column) for column in columns]] for peer in _names(data, summary)]
    return ["## Memory, reclaim, pause", "",
            *_wrapped("W5: bytes for each distinct value, without its text and the handles: resident, and as the allocator "
                      "counts them. W6: the time to free one value, the collections until all are freed, the heap that is left. "
                      "W7: one full collection, and how much longer it takes than without the table. Times are medians of hapax's "
                      "rounds, and of at most two rounds of the others. They are not ratios: compare them with the limit's "
                      "times above."), "", *_table(head, rows)]


def _churn(data):
    summary = data["summary"]["reference"]
    rows = []
    for peer in _names(data, summary):
        if "W9/1" not in summary[peer]:
            continue
        row = [peer]
        for label in ("W9/1", "W9/2"):
            grown = _GET(summary, peer, label, "resident_end_mb") - _GET(summary, peer, label, "resident_quarter_mb")
            flat = _GET(summary, peer, label, "flat", "min") == 1
            row += [_number(summary, peer, label, "ns_per_op"), "%+.0f" % grown, "yes" if flat else "no"]
        rows.append(row)
    if not rows:
        return []
    head = ["", "1 thread, ns", "grown, MB", "flat", "2 threads, ns", "grown, MB", "flat"]
    return ["## Churn (W9)", "",
            *_wrapped("New values, each dropped at once. Grown: the resident size at the end, less that after a quarter."),
            "", *_table(head, rows)]


def _primitives(data):
    summary = data["summary"]["reference"]
    labels = list(dict.fromkeys(label for peer in ("hapax", "go") for label in summary.get(peer, {})
                                if label.startswith("W10/")))
    if not labels:
        return []
    rows = [[label.split("/", 1)[1], *[_number(summary, peer, label, "ns_per_op", "%.1f") for peer in ("hapax", "go")]]
            for label in labels]
    return ["## Single operations (W10), ns", "", *_table(["", "hapax", "Go"], rows)]


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
            *_wrapped("A JSON reader that builds a tree in memory of malloc. natural: the search is on. explicit: the search is "
                      "off, and the table keeps its values. All other workloads run with the search off, because they measure "
                      "the table."), "",
            *_table(["", "seconds", "collections", "MB searched", "ms of search"], ways),
            *_wrapped("One collection while malloc has so much memory, and a plain read of the same memory in the same run."), "",
            *_table(["", "ms", "search, GB/s", "plain read, GB/s"], [size for size in sizes if size[1]])]


def _cxx(data):
    summary = data["summary"].get("cxx", {})
    if not summary:
        return []
    rows = [[what, *[_number(summary, "hapax", "W14/%s %s" % (way, key), "ns_per_op", "%.1f") for way in ("C", "C++")]]
            for what, key in (("a hit", "hit"), ("a new value", "new"))]
    return ["## The C++ types (W14)", "",
            *_wrapped("The same loop through the functions of C and through `hapax::handle` of `<hapax.hpp>`, in turn in one "
                      "program: ns of processor time for each call."), "", *_table(["", "C", "C++"], rows)]


def _corpora(data):
    lines = []
    for corpus, summary in data["summary"]["corpora"].items():
        rows = [[peer, *[_ratio(summary, peer, label) for label in ("W1", "W2", "W3")],
                 _number(summary, peer, "W5", "resident_bytes_per_value", "%.1f")] for peer in _names(data, summary)
                if peer != "limit"]
        absolute = ["the limit, ns and B",
                    *[_number(summary, "limit", label, "ns_per_op", "%.1f") for label in ("W1", "W2", "W3")],
                    _number(summary, "limit", "W5", "resident_bytes_per_value", "%.1f")]
        lines += ["### %s (%s)" % (corpus, _rounds(summary)), "",
                  *_table(["", "W1", "W2", "W3", "W5, B"], [absolute, *rows])]
    return ["## Other corpora, in multiples of the limit", "", *lines] if lines else []


def _growth(data):
    times, ratios = [], []
    for count, summary in data["summary"]["growth"].items():
        for peer in _names(data, summary):
            start = ["{:,}".format(int(count)), peer]
            times.append([
                *start, *[_number(summary, peer, label, "ns_per_op", "%.1f") for label in ("W2", "W3", "W8/W3")],
                _number(summary, peer, "W5", "resident_bytes_per_value", "%.1f"),
                _number(summary, peer, "W7", "extra_ms", "%.1f"),
                str(summary[peer]["W2"]["ns_per_op"]["rounds"]),
            ])
            if peer != "limit":
                ratios.append([*start, _ratio(summary, peer, "W2"), _ratio(summary, peer, "W3")])
    if not times:
        return []
    head = ["values", "", "W2, ns", "W3, ns", "W8 of W3, ns", "W5, B", "W7 more, ms", "rounds"]
    return ["## From a thousand values to twenty million", "", *_table(head, times), "The lookups in multiples of the limit:", "",
            *_table(["values", "", "W2", "W3"], ratios)]


def _setting(data):
    machine, corpus = data["machine"], data["corpus"]
    lines = [*_wrapped("Machine: %s, %d processors, %s, %s GB; %s, Linux %s, %s." % (
        machine["cpu"], machine["processors"], machine["caches"] or "caches unknown", machine["memory_gb"],
        machine["system"], machine["kernel"], machine["compiler"])), ""]
    if corpus:
        lines += [*_wrapped("Corpus: %s, {:,} tokens, {:,} distinct, %.1f bytes each.".format(
            corpus["tokens"], corpus["distinct"]) % (corpus["name"], corpus["raw_bytes_per_value"])), ""]
    lines += ["What the names in the tables mean, and the versions:", ""]
    for peer in data["peer_order"]:
        version = data["versions"].get(peer)
        lines += _wrapped("- %s: %s%s" % (peer, data["what"][peer], " (%s)" % version if version else ""), "  ")
    lines.append("")
    if data["skipped"]:
        lines += [*_wrapped("Not measured: %s." % "; ".join("%s (%s)" % item for item in data["skipped"].items())), ""]
    if data["left_out"]:
        lines += [*_wrapped("Left out for lack of time: %s." % "; ".join(data["left_out"])), ""]
    if data["faults"]:
        faults = [line for fault in data["faults"] for line in _wrapped("- " + fault, "  ")]
        lines += ["**Wrong answers and failures:**", "", *faults, ""]
    return lines


_PLOTS = [
    ("lookups.svg", "Lookups in multiples of the limit"),
    ("threads.svg", "Lookups by threads"),
    ("growth.svg", "Lookups by the number of values"),
    ("pause.svg", "What a full collection takes by the number of live values"),
    ("memory.svg", "Bytes for each value"),
]


def markdown(data, plots):
    parts = ["# Speed and memory of hapax and other libraries", "", *_setting(data)]
    parts += _goals(data)
    if data["summary"]["reference"]:
        parts += _lookups(data) + _memory(data) + _churn(data) + _primitives(data)
    parts += _search(data)
    parts += _cxx(data)
    parts += latency.section(data, _table, _wrapped)
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
    head = ["", "build", "hit", "cold hit", *[_threads_title(name) for name in threads], "bytes", "reclaim", "pause"]

    def ratio(peer, label):
        found = summary.get(peer, {}).get(label, {}).get("ratio")
        if peer == "limit" or found is None:
            return _number(summary, peer, label, "ns_per_op", "%.0f ns")
        return "%.2f" % found["median"]

    parts = {peer: data["what"][peer].partition(", ") for peer in _names(data, summary)}
    rows = [[name, *[ratio(peer, label) for label in ("W1", "W2", "W3", *threads)],
             _number(summary, peer, "W5", "resident_bytes_per_value"), _number(summary, peer, "W6", "ns_per_value"),
             _number(summary, peer, "W7", "extra_ms", "%+.0f")] for peer, (name, _, _) in parts.items()]
    machine, corpus = data["machine"], data["corpus"]
    about = ("{}, {} processors; {}; {}. {:,} tokens, {:,} distinct, {:.1f} bytes each. Times are medians of {}, in multiples "
             "of the limit in the same turn. *build*: intern all tokens. *hit*: find each again, in order; *cold hit*: in random "
             "order; *threads*: in each of so many threads at once. *bytes*: resident bytes for each value, without its text. "
             "*reclaim*: ns to free one value. *pause*: ms that the live values add to a full collection.").format(
                 machine["cpu"], machine["processors"], machine["system"], data["versions"].get("bdwgc", "bdwgc"),
                 corpus["tokens"], corpus["distinct"], corpus["raw_bytes_per_value"], _rounds(summary))
    how = "; ".join("%s: %s" % (name, rest) for name, _, rest in parts.values() if rest)
    return "\n".join([*_wrapped(about), "", *_table(head, rows), *_wrapped("How they were used: %s." % how if how else ""),
                      *([""] if how else []), "![Lookups in multiples of the limit](bench/results/lookups.svg)"])


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
