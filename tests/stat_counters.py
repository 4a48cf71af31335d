# SPDX-License-Identifier: MIT
"""Compares what hapax stat counts in files with what Python's own parsers count.

usage: stat_counters.py HAPAX FORMAT <NAMES

NAMES are the files, each name ended by a NUL. The program gets them in batches; Python counts the files of a batch that it
did not refuse. A line for each difference: counts that are not the same, and files that only one of the two refuses.
At the end a line of sums. Exit status 1 if counts differ.
"""
import csv
import io
import json
import os
import subprocess
import sys
import xml.parsers.expat as expat

WHITE = b" \t\r\n"


BATCH_FILES = 500
BATCH_BYTES = 1 << 26


class Counts:
    def __init__(self):
        self.values = 0
        self.distinct = set()

    def add(self, value):
        self.values += 1
        self.distinct.add(value if isinstance(value, bytes) else value.encode("utf-8", "strict"))

    def join(self, other):
        self.values += other.values
        self.distinct |= other.distinct

    def sums(self):
        return self.values, len(self.distinct), sum(map(len, self.distinct))


def text_of(data):
    """The text behind a byte order mark; without one it is UTF-8, or bytes that stand for themselves."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
                           (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark):].decode(encoding).encode("utf-8")
    return data


def count_lines(data, counts):
    lines = text_of(data).split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for line in lines:
        counts.add(line)


def count_words(data, counts):
    for word in text_of(data).split():  # of bytes: splits at the white space of ASCII
        counts.add(word)


def count_csv(data, counts, delimiter=","):
    # One character a byte: the reader wants text, and bytes of any encoding have to come through.
    text = text_of(data).decode("latin-1")
    csv.field_size_limit(sys.maxsize)

    def rows(of):
        return csv.reader(io.StringIO(of, newline=""), delimiter=delimiter)

    # The reader takes a quote that is never closed for one that ends with the file.
    last = None
    for last in rows(text + '\n"\nafter\n'):
        pass
    if last == ["after"]:
        raise ValueError("no closing quote")
    for row in rows(text):
        for field in row:
            counts.add(field.encode("latin-1"))


class Number(str):
    pass


def count_json(data, counts):
    text = text_of(data).decode("utf-8")
    decoder = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=Number,
                               parse_float=Number, parse_constant=refuse_constant)
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if at == len(text):
            return
        document, at = decoder.raw_decode(text, at)
        walk(document, counts)


class Pairs(list):
    pass


def refuse_constant(name):
    raise ValueError(name)


def walk(document, counts):
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Pairs):
            for key, value in node:
                counts.add(key)
                waiting.append(value)
        elif isinstance(node, list):
            waiting.extend(node)
        elif node is None:
            counts.add("null")
        elif node is True or node is False:
            counts.add("true" if node else "false")
        else:
            counts.add(str(node))


def count_xml(data, counts):
    text = []

    def end_text(*_):
        whole = "".join(text)
        text.clear()
        if whole.strip(" \t\r\n"):
            counts.add(whole)

    def start(name, attributes):
        end_text()
        counts.add(name)
        for value in attributes:
            counts.add(value)

    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end_text
    parser.CommentHandler = end_text
    parser.ProcessingInstructionHandler = end_text
    parser.CharacterDataHandler = text.append
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
    parser.SkippedEntityHandler = lambda name, parameter: parameter or text.append(f"&{name};")
    # What no handler takes: among it the entities whose text is another file.
    parser.DefaultHandlerExpand = lambda rest: rest[0] == "&" and rest[-1] == ";" and text.append(rest)
    parser.Parse(data, True)


def count_tsv(data, counts):
    count_csv(data, counts, "\t")


FORMATS = {"lines": (count_lines, ["--split=lines"]), "words": (count_words, ["--split=words"]),
           "csv": (count_csv, ["--split=csv", "--delimiter=comma"]), "tsv": (count_tsv, ["--split=csv", "--delimiter=tab"]),
           "json": (count_json, ["--split=json"]), "xml": (count_xml, ["--split=xml"])}


def count_file(path, count):
    """The counts of a file, or why Python refuses it."""
    counts = Counts()
    try:
        with open(path, "rb") as file:
            count(file.read(), counts)
    except (OSError, ValueError, csv.Error, expat.ExpatError, RecursionError, LookupError) as error:
        return None, " ".join(str(error).split())
    return counts, None


def is_hidden(c):
    """Characters that steer a terminal, that one cannot see, or that are no text."""
    return (c < 0x20 or 0x7f <= c <= 0x9f or c in (0x61c, 0xfeff) or 0x200b <= c <= 0x200f or
            0x2028 <= c <= 0x202e or 0x2060 <= c <= 0x206f or 0xdc80 <= c <= 0xdcff)


def as_shown(path):
    """A name as the program shows it."""
    return b"".join(b"?" * len(c.encode("utf-8", "surrogateescape")) if is_hidden(ord(c)) else c.encode("utf-8")
                    for c in path.decode("utf-8", "surrogateescape"))


def run(hapax, options, paths):
    """The report on the files, and why each of those that it refused was."""
    done = subprocess.run([hapax, "stat", "--json", "--rounds=1", "--top=0", "--places=0", "--files0-from=-", *options],
                          input=b"\0".join(paths), capture_output=True, check=False)
    refused = {}
    names = {as_shown(path): path for path in paths}
    for line in done.stderr.splitlines():
        said = line.removeprefix(b"hapax: ")
        at = said.find(b": ")
        while at >= 0:  # a name may have a colon and a blank in it
            name = said[:at]
            name = names.get(name) or names.get(name.rpartition(b":")[0])
            if name is not None:
                refused[name] = said[at + 2:].decode("utf-8", "replace")
                break
            at = said.find(b": ", at + 1)
        else:
            sys.exit(f"not understood: {line}")
    return json.loads(done.stdout), refused


class Comparison:
    def __init__(self, hapax, form):
        self.hapax = hapax
        self.count, self.options = FORMATS[form]
        self.files = self.values = self.different = self.only_hapax = self.only_python = 0

    def compare(self, paths):
        report, refused = run(self.hapax, self.options, paths)
        whole = Counts()
        accepted, odd = [], []
        for path in paths:
            counts, reason = count_file(path, self.count)
            if path in refused:
                if counts:
                    odd.append(("hapax", path, refused[path]))
            elif not counts:
                odd.append(("Python", path, reason))
            else:
                accepted.append(path)
                whole.join(counts)
        if len(accepted) + len(refused) < len(paths):
            report, _ = run(self.hapax, self.options, accepted)
        found = report["values"], report["distinct"], report["distinct_bytes"]
        if found != whole.sums() and len(paths) > 1:  # which of them?
            half = len(paths) // 2
            self.compare(paths[:half])
            self.compare(paths[half:])
            return
        if found != whole.sums():
            self.different += 1
            print(f"{os.fsdecode(paths[0])}: hapax counts {found}, Python {whole.sums()}")
        for who, path, reason in odd:
            print(f"only {who} refuses {os.fsdecode(path)}: {reason}")
            self.only_hapax += who == "hapax"
            self.only_python += who == "Python"
        self.files += len(accepted)
        self.values += whole.values


def batches(paths):
    batch, size = [], 0
    for path in paths:
        try:
            own = os.path.getsize(path)
        except OSError:
            continue
        if batch and (len(batch) == BATCH_FILES or size + own > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += own
    if batch:
        yield batch


def main():
    hapax, form = sys.argv[1:3]
    sys.setrecursionlimit(10000)
    comparison = Comparison(hapax, form)
    for batch in batches([path for path in sys.stdin.buffer.read().split(b"\0") if path]):
        comparison.compare(batch)
    print(f"{form}: {comparison.files} files, {comparison.values} values, {comparison.different} differences, "
          f"{comparison.only_hapax} refused by hapax alone, {comparison.only_python} by Python alone")
    sys.exit(comparison.different > 0)


main()
