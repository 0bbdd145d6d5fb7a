"""The tables: medians of the rounds, beside what was asked."""

import statistics
import sys

from .settings import ROOT

sys.path.insert(0, str(ROOT / "tests/bench"))
from enginebench.report import markdown  # noqa: E402

OVER = 3.0   # seconds that a Restore may take beyond the sum of its parts
SHARE = 0.2  # of a whole restore, for a volume of which 1 % changed
ENOUGH = 512  # MiB of such a volume; a mover's start is most of what a smaller one takes


def tables(results):
    return "\n\n".join([_volumes(results["volumes"]), _changed(results["changed"], results["changed_megabytes"])])


def _volumes(rounds):
    rows = [["volumes", "verified after s", "ready after s", "pod start s", "transfer s", "scale up s", "sum s", "over s",
             f"≤ {OVER:.0f} s", "scale down s"]]
    for count in sorted({figures["count"] for figures in rounds}):
        of = [figures for figures in rounds if figures["count"] == count]
        over = _median(figures["ready"] - figures["sum"] for figures in of)
        rows.append([str(count), *(f"{_median(figures[name] for figures in of):.2f}"
                                   for name in ("verified", "ready", "pod_start", "transfer", "scale_up", "sum")),
                     f"{over:.2f}", "met" if over <= OVER else "**missed**",
                     f"{_median(figures['scale_down'] for figures in of):.2f}"])
    return markdown(rows)


def _changed(rounds, megabytes):
    rows = [["restored in place", "mover s", "ready after s", "fetched MiB", "written MiB", "share of the mover's time", ""]]
    if not rounds:
        return markdown(rows)
    share = _median(figures["few"]["movers"][0] / figures["whole"]["movers"][0] for figures in rounds)
    for name, title in (("whole", "an empty volume"), ("few", "1 % changed")):
        of = [figures[name] for figures in rounds]
        rows.append([title, f"{_median(f['movers'][0] for f in of):.2f}", f"{_median(f['ready'] for f in of):.2f}",
                     f"{_median(f['fetched'] for f in of) / (1 << 20):.1f}", f"{_median(f['written'] for f in of) / (1 << 20):.1f}",
                     f"{share:.2f}" if name == "few" else "1",
                     _verdict(share, megabytes) if name == "few" else ""])
    return markdown(rows)


def _verdict(share, megabytes):
    if megabytes < ENOUGH:
        return f"judged from {ENOUGH} MiB on"
    return "met" if share <= SHARE else "**missed**"


def _median(values):
    return statistics.median(values)
