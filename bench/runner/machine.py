# SPDX-License-Identifier: MIT
"""What the figures were measured on."""

import os
import platform
import subprocess
from pathlib import Path


def _first_line(command):
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    lines = (result.stdout or result.stderr).splitlines()
    return lines[0].strip() if lines else None


def _cpu():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def _caches():
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, size = (index / "level").read_text().strip(), (index / "size").read_text().strip()
            kind = (index / "type").read_text().strip()
        except OSError:
            continue
        if kind != "Instruction":
            found.append("L%s %s" % (level, size))
    return ", ".join(found)


def _system():
    try:
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.split("=", 1)[1].strip('"')
    except OSError:
        pass
    return platform.system()


def describe():
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _cpu(),
        "processors": os.cpu_count(),
        "caches": _caches(),
        "memory_gb": round(pages / 1e9, 1),
        "system": _system(),
        "kernel": platform.release().split("-")[0],
        "compiler": _first_line([*os.environ.get("CC", "cc").split(), "--version"]),
        "load_at_start": round(os.getloadavg()[0], 2),
    }
