# SPDX-License-Identifier: MIT
"""Runs the peers in turn and keeps every line they print."""

import json
import subprocess
import time

# So many peers share one run of the limit: it opens each group, so that no figure
# is divided by a limit measured in another phase of the machine.
GROUP = 3


class Measurements:
    """Every run: who, on what, in which round and group, and its lines."""

    def __init__(self, say):
        self.runs = []
        self.faults = []  # one line for each wrong answer, crash or timeout
        self.say = say
        self._group = 0

    def run(self, section, corpus, round_number, peer, arguments, limit_s):
        """Runs one peer once. Returns False where it failed."""
        began = time.monotonic()
        fault, lines = None, []
        try:
            result = subprocess.run([*peer.command, *arguments], capture_output=True, text=True, timeout=limit_s)
            lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
            if result.returncode != 0:
                said = result.stderr.strip().splitlines() or ["no message"]
                why = next((line for line in said if line.startswith("wrong:")), said[-1])
                fault = "%s on %s: exit status %d: %s" % (peer.name, corpus, result.returncode, why)
        except subprocess.TimeoutExpired:
            fault = "%s on %s: not done after %d s" % (peer.name, corpus, limit_s)
        took = time.monotonic() - began
        if fault is not None:
            self.faults.append(fault)
            self.say(fault)
        self.runs.append({
            "section": section, "corpus": corpus, "round": round_number, "group": self._group, "peer": peer.name,
            "seconds": round(took, 2), "lines": lines,
        })
        return fault is None

    def run_round(self, section, corpus, round_number, limit, others, arguments, limit_s):
        """One round: the limit, up to GROUP others, the limit, the next others ... Returns who failed.

        arguments(peer, round_number) gives the options of each."""
        failed = []
        for start in range(0, max(len(others), 1), GROUP):
            self._group += 1
            for peer in [limit, *others[start:start + GROUP]]:
                if not self.run(section, corpus, round_number, peer, arguments(peer, round_number), limit_s):
                    failed.append(peer)
        return failed


class Budget:
    """The time this run may take, and what is left of it."""

    def __init__(self, seconds):
        self._began = time.monotonic()
        self._seconds = seconds

    def allows(self, seconds, share):
        """Whether so many seconds more leave us within this share of the time; the rest is kept for later sections."""
        return time.monotonic() + seconds <= self._began + self._seconds * share


def run_section(measurements, budget, share, section, corpus, rounds, least_rounds, limit, others, arguments, limit_s):
    """So many rounds, fewer where the share of the time runs out, but the least ones whatever it takes.

    A peer that failed is not run again. Returns how many rounds were run."""
    longest, others = 0.0, list(others)
    for number in range(rounds):
        if number >= least_rounds and not budget.allows(longest, share):
            return number
        began = time.monotonic()
        failed = measurements.run_round(section, corpus, number, limit, others, arguments, limit_s)
        if limit in failed:
            return number + 1
        others = [peer for peer in others if peer not in failed]
        longest = max(longest, time.monotonic() - began)
    return rounds
