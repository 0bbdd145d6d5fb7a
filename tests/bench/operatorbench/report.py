"""The table: what was asked, what was measured."""

import sys

from .settings import ROOT

sys.path.insert(0, str(ROOT / "tests/bench"))
from enginebench.report import markdown  # noqa: E402

MIB = 1 << 20


def table(results):
    phases = results["phases"]
    rows = [["what", "asked", "measured", ""]]
    for phase, title, unit, asked, read in TARGETS:
        if phase in phases:
            value = read(phases[phase])
            rows.append([title, f"{_compare(asked)} {unit}".strip(), f"{_number(value)} {unit}".strip(),
                         "met" if _met(value, asked) else "**missed**"])
    return markdown(rows)


def _at_most(limit):
    return "≤", limit


def _exactly(value):
    return "=", value


def _compare(asked):
    sign, value = asked
    return f"{sign} {_number(value)}" if sign == "≤" else _number(value)


def _met(value, asked):
    sign, limit = asked
    return value <= limit if sign == "≤" else value == limit


def _number(value):
    return f"{value:.1f}" if isinstance(value, float) and abs(value) >= 1 else f"{value:.3g}"


TARGETS = [
    ("images", "both images, unpacked", "MB", _at_most(40), lambda p: p["together"] / 1e6),
    ("empty", "memory, empty cluster: peak", "MiB", _at_most(20), lambda p: p["peak"] / MIB),
    ("policies", "memory, the policies alone: peak", "MiB", _at_most(45), lambda p: p["peak"] / MIB),
    ("full", "memory, everything: peak", "MiB", _at_most(96), lambda p: p["peak"] / MIB),
    ("full", "memory, everything: settled", "MiB", _at_most(96), lambda p: p["settled"] / MIB),
    ("full", "start to caches in sync", "s", _at_most(10), lambda p: p["sync_seconds"]),
    ("latency", "new Backup to its Job, median", "ms", _at_most(50), lambda p: p["median_ms"]),
    ("latency", "new Backup to its Job, p99", "ms", _at_most(250), lambda p: p["p99_ms"]),
    ("idle", "idle: of one core", "%", _at_most(0.5), lambda p: p["cpu_percent"]),
    ("idle", "idle: objects that changed", "", _exactly(0), lambda p: p["objects_changed"]),
    ("idle", "idle: writes but of leases", "", _exactly(0), lambda p: sum(p["writes_at_the_server"].values())),
    ("due", "due at once: policies that ran exactly once, of all", "%", _exactly(100.0),
     lambda p: 100.0 * p["ran_once"] / p["due"]),
    ("due", "due at once: movers made, of all", "%", _exactly(100.0), lambda p: 100.0 * p["movers_made"] / p["due"]),
    ("due", "due at once: before their time", "", _exactly(0), lambda p: p["before_its_time"]),
    # The operator's limit: 100 a second, and a burst of 200 (operator/kube/rate_limit.h).
    ("due", "due at once: requests a second, over ten seconds", "", _at_most(120), lambda p: p["most_requests_per_second"]),
    ("due", "due at once: movers of one repository, of 4 slots", "", _at_most(4), lambda p: p["most_movers_of_a_repository"]),
    ("due", "due at once: started out of order", "", _exactly(0), lambda p: p["hot_out_of_order"]),
]
