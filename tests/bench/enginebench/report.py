"""Medians, ratios, targets; as Markdown that reads well in a terminal too."""

import dataclasses
import statistics

from .measure import MIB
from .rows import ALL, BEST_PEER, RESTIC

PEERS = ("restic", "rustic", "borg")
CPU_AT_MOST = 0.5  # of restic's, on every row


@dataclasses.dataclass
class Medians:
    rounds: int
    wall: float
    cpu: float
    peak: float
    stored: float


def medians(record):
    """By tool, in the order of the runs."""
    runs = {}
    for run in record["runs"]:
        runs.setdefault(run["tool"], []).append(run)
    return {tool: Medians(len(of_tool), statistics.median(run["wall"] for run in of_tool),
                          statistics.median(run["user"] + run["system"] for run in of_tool),
                          statistics.median(run["peak"] for run in of_tool),
                          statistics.median(run.get("stored", 0) for run in of_tool))
            for tool, of_tool in runs.items()}


def measurements(records):
    lines = [["row", "work", "tool", "rounds", "wall s", "CPU s", "CPU ns/B", "peak MiB", "stored MiB", "× restic", "× best peer",
              "CPU × restic", "CPU × best peer"]]
    for row in ALL:
        if row.name in records:
            lines += _measurements_of(row, records[row.name])
    return markdown(lines)


def _measurements_of(row, record):
    found = medians(record)
    peers = [found[name] for name in PEERS if name in found]
    restic = found.get("restic")
    best_wall = min((peer.wall for peer in peers), default=None)
    best_cpu = min((peer.cpu for peer in peers), default=None)
    for tool, figures in found.items():
        yield [row.name, row.title, tool, str(figures.rounds), f"{figures.wall:.2f}", f"{figures.cpu:.2f}",
               f"{figures.cpu / record['bytes'] * 1e9:.2f}", f"{figures.peak / MIB:.0f}",
               f"{figures.stored / MIB:.0f}" if figures.stored else "",
               _times(restic and restic.wall, figures.wall), _times(best_wall, figures.wall),
               _times(restic and restic.cpu, figures.cpu), _times(best_cpu, figures.cpu)]


def _times(other, figure):
    """How many times less than another's."""
    return f"{other / figure:.2f}" if other and figure else ""


def targets(records):
    lines = [["row", "target", "reached", ""]]
    for row in ALL:
        found = medians(records[row.name]) if row.name in records else {}
        if "ours" in found:
            lines += [[row.name, text, reached, "met" if met else "**missed**"]
                      for text, reached, met in _targets_of(row, found)]
    return markdown(lines)


def _targets_of(row, found):
    ours = found["ours"]
    for peer, least in row.at_least:
        other = _wall_of(peer, found)
        if other:
            yield f"≥ {least} × {peer}", f"{other / ours.wall:.2f}", other / ours.wall >= least
    if "restic" in found:
        share = ours.cpu / found["restic"].cpu
        yield f"CPU ≤ {CPU_AT_MOST} × restic's", f"{share:.2f}", share <= CPU_AT_MOST
    yield f"peak ≤ {row.peak} MiB", f"{ours.peak / MIB:.0f}", ours.peak <= row.peak * MIB


def _wall_of(peer, found):
    names = PEERS if peer == BEST_PEER else (RESTIC,)
    return min((found[name].wall for name in names if name in found), default=None)


def markdown(lines):
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in (lines[0], rule, *lines[1:]))


def conditions(records):
    """A sentence a row would be too much: what was the same in all of them."""
    machines = sorted({record["machine"] for record in records.values()})
    rounds = sorted({max(run["round"] for run in record["runs"]) for record in records.values()})
    versions = sorted({f"{version}" for record in records.values() for version in record["tools"].values()})
    days = sorted({record["when"][:10] for record in records.values()})
    return (f"Measured on {', '.join(machines)}; {' or '.join(map(str, rounds))} rounds; {', '.join(versions)}; "
            f"{' and '.join(days)}.")
