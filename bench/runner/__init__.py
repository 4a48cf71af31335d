# SPDX-License-Identifier: MIT
"""The parts of bench/run; Python's standard library only."""
