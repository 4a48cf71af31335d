# SPDX-License-Identifier: MIT
"""From runs to figures: ratios within a group, then medians and spreads over the rounds."""

import statistics
from collections import defaultdict

# What tells apart the lines of one workload.
_LABELS = ("threads", "variant", "primitive")

# Divided by the limit's own in the same group.
RATIO_WORKLOADS = ("W1", "W2", "W3", "W4", "W8")


def label_of(line):
    """W4 in two threads is "W4/2", the batch over the stream "W8/W2"."""
    labels = [str(line[name]) for name in _LABELS if name in line]
    return "/".join([line["workload"], *labels])


def spread(values):
    """Median, least, most and number of some values; None of none."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values)}


def by_label(run):
    """The lines of a run by their labels."""
    return {label_of(line): line for line in run["lines"]}


def summarize(runs, section, corpus=None):
    """For each peer and label: the spread of every number printed, and of "ratio".

    ratio is the peer's ns_per_op over the limit's in the same group."""
    chosen = [run for run in runs if run["section"] == section and corpus in (None, run["corpus"])]
    limits = {run["group"]: by_label(run) for run in chosen if run["peer"] == "limit"}
    collected = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for run in chosen:
        for label, line in by_label(run).items():
            into = collected[run["peer"]][label]
            for key, value in line.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    into[key].append(value)
                elif isinstance(value, bool):
                    into[key].append(int(value))
            limit_line = limits.get(run["group"], {}).get(label)
            if line["workload"] in RATIO_WORKLOADS and limit_line and limit_line.get("ns_per_op"):
                into["ratio"].append(line["ns_per_op"] / limit_line["ns_per_op"])
    return {
        peer: {label: {key: spread(values) for key, values in keys.items()} for label, keys in labels.items()}
        for peer, labels in collected.items()
    }


def get(summary, peer, label, key, what="median"):
    """One figure, or None where it was not measured."""
    found = summary.get(peer, {}).get(label, {}).get(key)
    return None if found is None else found[what]


def versions(runs):
    found = {}
    for run in runs:
        for line in run["lines"]:
            if line["workload"] == "info":
                found[run["peer"]] = line["version"]
    return found
