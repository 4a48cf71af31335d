# SPDX-License-Identifier: MIT
"""What hapax is meant to reach, and whether a run shows it.

Figures of one program are divided within the same process, those of two programs by
the limit of the same group; what is compared is the median over the rounds.
"""

import statistics

from . import figures, latency


def _over_runs(runs, section, corpus, compute):
    """The median of compute(labels) over hapax's runs; None where no run has all it needs."""
    values = []
    for run in runs:
        if run["peer"] == "hapax" and run["section"] == section and corpus in (None, run["corpus"]):
            try:
                values.append(compute(figures.by_label(run)))
            except (KeyError, ZeroDivisionError):
                continue
    return statistics.median(values) if values else None


def _new_value_ns(labels):
    """What W1 takes for a new value: what is left when its hits have taken what W2's do."""
    build, tokens = labels["W1"], labels["W1"]["operations"]
    hits = (tokens - build["distinct"]) * labels["W2"]["ns_per_op"]
    return (tokens * build["ns_per_op"] - hits) / build["distinct"]


def _batch_of_limits_single(runs):
    """A cold hit in a batch over a single one of the limit, group by group."""
    limits = {run["group"]: figures.by_label(run) for run in runs if run["peer"] == "limit" and run["section"] == "reference"}
    values = [figures.by_label(run)["W8/W3"]["ns_per_op"] / limits[run["group"]]["W3"]["ns_per_op"]
              for run in runs if run["peer"] == "hapax" and run["section"] == "reference"
              and "W8/W3" in figures.by_label(run) and "W3" in limits.get(run["group"], {})]
    return statistics.median(values) if values else None


def _best_peer(summary, label):
    ratios = [labels[label]["ratio"]["median"] for peer, labels in summary.items()
              if peer not in ("limit", "hapax") and "ratio" in labels.get(label, {})]
    return min(ratios, default=None)


def _growth(data, peer):
    """ns for a cold hit among the most values over that among the fewest."""
    growth = data["summary"]["growth"]
    counts = sorted(growth, key=int)
    ends = [figures.get(growth[count], peer, "W3", "ns_per_op") for count in counts if "hapax" in growth[count]]
    return ends[-1] / ends[0] if len(ends) > 1 and None not in ends else None


def _quotient(above, below):
    return None if above is None or not below else above / below


def _primitives(summary):
    """The slowest of our primitives in multiples of Go's; an operation that neither has is left out."""
    def took(peer, *names):
        parts = [figures.get(summary, peer, "W10/" + name, "ns_per_op") for name in names]
        return None if None in parts else sum(parts)

    measured = [("weak_make, again",), ("add_cleanup", "cleanup_stop"), ("cache_get, hit",), ("make_handle, 1 key",),
                ("make_handle, 128 keys",), ("make_handle, 128 Ki keys",)]
    ratios = [_quotient(took("hapax", *names), took("go", *names)) for names in measured]
    return max((ratio for ratio in ratios if ratio is not None), default=None)


def table(data):
    """Rows of: what, measured, at most, whether. What was not measured is left out."""
    summary, runs = data["summary"]["reference"], data["runs"]

    def ratio(label):
        return figures.get(summary, "hapax", label, "ratio")

    def own(key, label):
        return figures.get(summary, "hapax", label, key)

    def per_live_value(section, corpus):
        return _over_runs(runs, section, corpus, lambda labels: labels["W7"]["extra_ms"] * 1e6 / labels["W1"]["distinct"])

    churn_of_go = _quotient(own("ns_per_op", "W9/1"), figures.get(summary, "go", "W9/1", "ns_per_op"))
    rows = [
        ("W1, multiples of the limit", ratio("W1"), 1.5),
        ("W2, multiples of the limit", ratio("W2"), 1.5),
        ("W2, multiples of the fastest peer", _quotient(ratio("W2"), _best_peer(summary, "W2")), 1.0),
        ("W3, multiples of the limit", ratio("W3"), 1.4),
        ("W3, multiples of the fastest peer", _quotient(ratio("W3"), _best_peer(summary, "W3")), 1.0),
        ("W4, one of two threads, in multiples of its W2",
         _over_runs(runs, "reference", None, lambda labels: labels["W4/2"]["ns_per_op"] / labels["W2"]["ns_per_op"]), 1.15),
        ("W4, one thread's time, in multiples of two together",
         _over_runs(runs, "reference", None, lambda labels: labels["W4/1"]["million_ops_per_second"]
                    / labels["W4/2"]["million_ops_per_second"]), 1 / 1.7),
        ("W5, bytes for each value, without its text", own("resident_bytes_per_value", "W5"), 48),
        ("W6, collections until all is freed", own("collections", "W6"), 1),
        ("W6, ns for each value", own("ns_per_value", "W6"), 60),
        ("W7, ns for each live value", per_live_value("reference", None), 5),
        ("W7, the same with five million", per_live_value("growth", "5000000"), 5),
        ("W8, a cold hit in a batch, in limits of W3", _batch_of_limits_single(runs), 0.75),
        ("W8, a warm hit in a batch, in multiples of one alone",
         _over_runs(runs, "reference", None, lambda labels: labels["W8/W2"]["ns_per_op"] / labels["W2"]["ns_per_op"]), 1.0),
        ("W9, multiples of a new value in W1",
         _over_runs(runs, "reference", None, lambda labels: labels["W9/1"]["ns_per_op"] / _new_value_ns(labels)), 2.5),
        ("W9, multiples of Go's", churn_of_go, 0.1),
        ("W10, weak_value, in multiples of two loads",
         _over_runs(runs, "reference", None, lambda labels: labels["W10/weak_value"]["ns_per_op"]
                    / labels["W10/two dependent loads"]["ns_per_op"]), 1.0),
        ("W10, the slowest operation, in multiples of Go's", _primitives(summary), 1.0),
        ("W13, natural in multiples of explicit",
         _over_runs(runs, "search", None, lambda labels: labels["W13/natural"]["seconds"] / labels["W13/explicit"]["seconds"]),
         1.1),
        ("W13, the search of 1,000 MB, ns for five bytes",
         _over_runs(runs, "search", None, lambda labels: 5 / labels["W13/1000 MB"]["search_gb_per_second"]), 1.0),
        ("W14, a hit through C++, in multiples of C",
         _over_runs(runs, "cxx", None, lambda labels: labels["W14/C++ hit"]["ns_per_op"] / labels["W14/C hit"]["ns_per_op"]),
         1.02),
        ("Growth of a cold hit, in multiples of the limit's",
         _quotient(_growth(data, "hapax"), _growth(data, "limit")), 1.0),
    ]
    rows += latency.goals(data)
    return [(what, "%.2f" % value, "%.3g" % most, "yes" if value <= most else "**no**") for what, value, most in rows
            if value is not None]
