"""How large, and where. The environment makes a run smaller; the sizes stand in its result."""

import dataclasses
import os
import pathlib

from . import BenchError

ROOT = pathlib.Path(__file__).resolve().parents[3]
PHASES = ["empty", "policies", "full", "latency", "idle", "due"]


@dataclasses.dataclass(frozen=True)
class Settings:
    namespaces: int = 1000
    policies: int = 10_000
    backups: int = 50_000
    repositories: int = 2000
    latencies: int = 300          # new Backups, one after the other
    idle_seconds: int = 300
    due: int = 5000               # policies in the same minute
    due_minutes: int = 3          # from their creation until they are due
    jitter_seconds: int = 300     # over which they spread
    hot: int = 200                # of those, how many share one repository of four slots
    phases: tuple = tuple(PHASES)
    cluster: str = "holdfast-bench"
    keep: bool = False
    smoke: bool = False

    @property
    def result(self):
        return ROOT / f"build/bench/operator{'-smoke' if self.smoke else ''}.json"


SMOKE = {"namespaces": 5, "policies": 50, "backups": 100, "repositories": 10, "latencies": 5, "idle_seconds": 5,
         "due": 10, "due_minutes": 1, "jitter_seconds": 5, "hot": 6}


def read():
    smoke = bool(os.environ.get("HOLDFAST_BENCH_SMOKE"))
    sizes = dict(SMOKE) if smoke else {}
    for field in dataclasses.fields(Settings):
        word = os.environ.get(f"HOLDFAST_BENCH_{field.name.upper()}")
        if word and field.type is int:
            sizes[field.name] = int(word)
    phases = tuple(os.environ.get("HOLDFAST_BENCH_PHASES", " ".join(PHASES)).split())
    unknown = set(phases) - set(PHASES)
    if unknown:
        raise BenchError(f"no phase {' '.join(unknown)}; there are {' '.join(PHASES)}")
    return Settings(**sizes, phases=phases, smoke=smoke, keep=bool(os.environ.get("HOLDFAST_BENCH_KEEP")),
                    cluster=os.environ.get("HOLDFAST_BENCH_CLUSTER", Settings.cluster))
