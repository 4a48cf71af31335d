# SPDX-License-Identifier: MIT
"""SVG plots through gnuplot, from a summary. Without gnuplot there are none."""

import shutil
import subprocess

from . import figures

_COLORS = ["#1b6ca8", "#d1495b", "#edae49", "#00798c", "#7b5ea7", "#6c757d", "#2e8b57", "#b5651d"]

_HEAD = """
set terminal svg size 960,540 font 'sans-serif,13' background 'white'
set output '%s'
set title '%s'
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lc rgb '#dddddd'
"""


def _quote(text):
    return text.replace("'", "''").replace("_", "\\\\_")


def _draw(path, title, commands):
    script = _HEAD % (path, _quote(title)) + commands
    result = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError("gnuplot: %s" % result.stderr.strip())


def _block(name, rows):
    """A block of data inside the script."""
    return "$%s << EOD\n%s\nEOD\n" % (name, "\n".join(" ".join(str(cell) for cell in row) for row in rows))


def _lookups(path, order, summary):
    """One cluster of bars for each peer, the spread over the rounds on each."""
    labels = [("W1", "W1 build"), ("W2", "W2 hit"), ("W3", "W3 cold hit"), ("W4/2", "W4, 2 threads")]
    labels = [item for item in labels if any(item[0] in summary.get(peer, {}) for peer in order)]
    rows = []
    for peer in order:
        if peer == "limit" or peer not in summary:
            continue
        cells = ['"%s"' % peer]
        for label, _ in labels:
            found = summary[peer].get(label, {}).get("ratio")
            cells += [found["median"], found["min"], found["max"]] if found else ["NaN", "NaN", "NaN"]
        rows.append(cells)
    if not rows:
        return False
    series = ", ".join(
        "$data using %d:%d:%d%s title '%s' lc rgb '%s'" % (
            2 + 3 * i, 3 + 3 * i, 4 + 3 * i, ":xtic(1)" if i == 0 else "", _quote(title), _COLORS[i])
        for i, (_, title) in enumerate(labels))
    _draw(path, "Time for one lookup, in multiples of the limit (less is better)", _block("data", rows) + """
set style data histogram
set style histogram errorbars gap 1.5 lw 1
set errorbars front lc rgb '#333333'
set style fill solid 0.9 noborder
set logscale y 2
set yrange [0.5:*]
set ylabel 'multiples of the limit'
set xtics rotate by -35
set key outside top center horizontal
set arrow from graph 0, first 1 to graph 1, first 1 nohead dt 2 lc rgb '#333333'
plot %s
""" % series)
    return True


def _lines(path, title, xlabel, ylabel, series, settings=""):
    """Curves; series is a list of (name, number of the colour, number of the dashes, rows of x and y)."""
    series = [item for item in series if item[3]]
    if not series:
        return False
    blocks = "".join(_block("data%d" % i, rows) for i, (_, _, _, rows) in enumerate(series))
    curves = ", ".join(
        "$data%d using 1:2 with linespoints pt %d ps 0.7 lw 2 lc rgb '%s' dt %d title '%s'" % (
            i, (7, 5, 9, 13)[dashes % 4], _COLORS[color % len(_COLORS)], 1 + dashes + color // len(_COLORS),
            _quote(name))
        for i, (name, color, dashes, _) in enumerate(series))
    _draw(path, title, blocks + "set xlabel '%s'\nset ylabel '%s'\nset key outside right\nset autoscale xfix\n%s\nplot %s\n" % (
        xlabel, ylabel, settings, curves))
    return True


def _threads(path, order, summary):
    series = []
    for color, peer in enumerate(order):
        labels = [label for label in summary.get(peer, {}) if label.startswith("W4/")]
        rows = sorted((int(label.split("/")[1]), figures.get(summary, peer, label, "million_ops_per_second"))
                      for label in labels)
        series.append((peer, color, 0, rows))
    if not any(len(rows) > 1 for _, _, _, rows in series):
        return False
    return _lines(path, "Lookups of all threads together (more is better)", "threads", "million per second", series,
                  "set logscale x 2\nset logscale y 10")


def _by_count(growth, peer, label, key):
    rows = [(int(count), figures.get(summary, peer, label, key)) for count, summary in growth.items()]
    return sorted((count, value) for count, value in rows if value is not None)


def _growth(path, order, growth):
    series = []
    for color, peer in enumerate(order):
        for dashes, (label, name) in enumerate([("W3", "%s"), ("W8/W3", "%s, in batches")]):
            series.append((name % peer, color, dashes, _by_count(growth, peer, label, "ns_per_op")))
    return _lines(path, "Time for one lookup in random order by the number of values (less is better)", "values", "ns",
                  series, "set logscale x 10\nset format x '%.0s%c'\nset yrange [0:*]")


def _pause(path, order, growth):
    series = [(peer, color, 0, _by_count(growth, peer, "W7", "collect_ms")) for color, peer in enumerate(order)]
    for peer in ("hapax", "bdwgc"):
        bare = _by_count(growth, peer, "W7", "bare_ms")
        if bare:
            series.append(("the same heap, no table", 5, 1, bare))
            break
    return _lines(path, "One full collection by the number of live values (less is better)", "live values", "ms",
                  series, "set logscale xy 10\nset format x '%.0s%c'")


def _memory(path, order, summary):
    rows = []
    for peer in order:
        found = summary.get(peer, {}).get("W5", {})
        found = found.get("resident_bytes_per_value") or found.get("heap_bytes_per_value")
        if found:
            rows.append(['"%s"' % peer, found["median"], found["min"], found["max"]])
    if not rows:
        return False
    _draw(path, "Bytes for each value beyond its text (less is better)", _block("data", rows) + """
set style data histogram
set style histogram errorbars gap 1 lw 1
set errorbars front lc rgb '#333333'
set style fill solid 0.9 noborder
set yrange [0:*]
set ylabel 'bytes'
set xtics rotate by -35
set nokey
plot $data using 2:3:4:xtic(1) lc rgb '%s'
""" % _COLORS[0])
    return True


def draw(order, summary, folder, say):
    """Draws what there are figures for; returns the names of the files."""
    wanted = [
        ("lookups.svg", _lookups, summary["reference"]),
        ("threads.svg", _threads, summary["reference"]),
        ("memory.svg", _memory, summary["reference"]),
        ("growth.svg", _growth, summary["growth"]),
        ("pause.svg", _pause, summary["growth"]),
    ]
    if shutil.which("gnuplot") is None:
        say("no plots: there is no gnuplot")
        return []
    drawn = []
    for name, function, figures_of_it in wanted:
        (folder / name).unlink(missing_ok=True)
        if figures_of_it and function(folder / name, order, figures_of_it):
            drawn.append(name)
    return drawn
