#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the pictures of the documents. Usage: draw.py FOLDER: writes trie.svg and collection.svg there."""
import os
import sys
from xml.sax.saxutils import escape

INK, PALE, LIVE, DEAD, DOUBT = '#222222', '#eeeeee', '#cfe8cf', '#f3c6c6', '#fbe6a6'


class Picture:
    def __init__(self, width, height, title):
        self.parts = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' font-family="sans-serif" font-size="13">',
            f'<title>{escape(title)}</title>',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0 8 4 0 8z" fill="{INK}"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        ]

    def box(self, x, y, width, height, fill, text='', dashed=False):
        dash = ' stroke-dasharray="4 3"' if dashed else ''
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{INK}"{dash}/>')
        if text:
            self.text(x + width // 2, y + height // 2 + 5, text, 'middle')

    def text(self, x, y, text, anchor='start', bold=False):
        weight = ' font-weight="bold"' if bold else ''
        self.parts.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}"{weight}>{escape(text)}</text>')

    def arrow(self, *points):
        path = ' '.join(f'{x} {y}' for x, y in points)
        self.parts.append(f'<path d="M{path}" fill="none" stroke="{INK}" marker-end="url(#tip)"/>')

    def line(self, x1, y1, x2, y2):
        self.parts.append(f'<path d="M{x1} {y1} {x2} {y2}" stroke="{INK}"/>')

    def write(self, file):
        with open(file, 'w', encoding='utf-8', newline='\n') as stream:
            stream.write('\n'.join(self.parts) + '\n</svg>\n')


def trie():
    p = Picture(720, 440, 'The trie of a table')
    p.text(20, 28, 'The hash of a value', bold=True)
    p.box(20, 40, 130, 30, PALE, 'tag: 16 bits')
    p.box(150, 40, 160, 30, '#ffffff')
    p.box(310, 40, 100, 30, PALE, 'line')
    p.text(20, 100, 'The root: lines of eight words', bold=True)
    word, left = 44, 60
    for row in range(4):
        y = 115 + 34 * row
        p.text(left - 12, y + 19, str(row), 'end')
        for column in range(8):
            p.box(left + word * column, y, word, 28, '#ffffff')
    # Line 2 is full: its last word is a link to two lines below it.
    full = 115 + 34 * 2
    for column in range(7):
        p.box(left + word * column, full, word, 28, LIVE)
    p.box(left + word * 7, full, word, 28, PALE, 'link')
    below = 320
    p.text(20, below - 14, 'Once nine values meet: a level of two lines', bold=True)
    for row in range(2):
        p.text(left - 12, below + 34 * row + 19, f'bit {row}', 'end')
        for column in range(8):
            live = column in ((2,) if row else (3,))
            p.box(left + word * column, below + 34 * row, word, 28, LIVE if live else '#ffffff')
    p.arrow((left + word * 8 - 10, full + 28), (left + word * 8 - 10, below))
    # Line 1 holds one value.
    one = 115 + 34
    p.box(left + word * 3, one, word, 28, LIVE)
    p.arrow((360, 70), (360, 90), (436, 90), (436, one + 14), (left + word * 8, one + 14))
    p.box(500, one - 14, 200, 56, LIVE)
    p.text(512, one + 8, 'the value, its hash,')
    p.text(512, one + 26, '"Entscheidungsproblem"')
    p.arrow((left + word * 3 + 22, one + 14), (left + word * 3 + 22, one - 12), (480, one - 12), (480, one + 8), (500, one + 8))
    p.text(500, full + 26, 'One word holds a tag and')
    p.text(500, full + 44, 'the address of a value, and')
    p.text(500, full + 62, 'does not keep it alive.')
    p.text(500, full + 92, 'A lookup reads one line,')
    p.text(500, full + 110, 'and the value whose tag fits.')
    p.text(20, 425, 'Free words are white. One bit of the hash chooses below. The root grows and shrinks one line at a time.')
    return p


def collection():
    p = Picture(720, 360, 'A collection')
    edges = (110, 260, 400, 560, 710)
    heads = ('stop and mark', 'deciding', 'settling', 'cleanups')
    for number, head in enumerate(heads):
        x, right = edges[number], edges[number + 1]
        p.text((x + right) // 2, 28, f'{number + 1}. {head}', 'middle', bold=True)
        p.line(x, 40, x, 300)
    p.line(edges[-1], 40, edges[-1], 300)
    rows = (60, 130, 200, 262)
    for y, (first, second) in zip(rows, (('your', 'threads'), ('held', 'value'), ('value that', 'nobody holds'), ('cleanup', 'thread'))):
        p.text(12, y + 14, first)
        p.text(12, y + 30, second)
    p.box(edges[0] + 4, rows[0], edges[1] - edges[0] - 8, 36, PALE, 'stand still', dashed=True)
    p.box(edges[1] + 4, rows[0], edges[4] - edges[1] - 8, 36, LIVE, 'run')
    p.box(edges[0] + 4, rows[1], edges[4] - edges[0] - 8, 36, LIVE, 'marked: its word in the table stays as it is')
    p.box(edges[0] + 4, rows[2], edges[1] - edges[0] - 8, 36, DEAD, 'not marked')
    p.box(edges[1] + 4, rows[2], edges[2] - edges[1] - 8, 36, DOUBT, 'word: tentative')
    p.box(edges[2] + 4, rows[2], edges[3] - edges[2] - 8, 36, DEAD, 'word: empty')
    p.text((edges[3] + edges[4]) // 2, rows[2] + 23, 'memory is free', 'middle')
    p.box(edges[3] + 4, rows[3], edges[4] - edges[3] - 8, 36, LIVE, 'runs cleanups')
    p.arrow((edges[3] - 60, rows[2] + 36), (edges[3] - 60, rows[3] + 18), (edges[3] + 4, rows[3] + 18))
    p.text(edges[3] - 70, rows[3] + 23, 'queued', 'end')
    p.text(12, 326, 'A lookup that meets a tentative word waits until it is settled. If a finalizer of the collector has')
    p.text(12, 344, 'brought the value back meanwhile, settling restores the word instead of emptying it.')
    return p


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: draw.py FOLDER')
    trie().write(os.path.join(sys.argv[1], 'trie.svg'))
    collection().write(os.path.join(sys.argv[1], 'collection.svg'))


main()
