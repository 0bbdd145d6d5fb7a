"""How large, how often, and where. The environment makes a run smaller; the sizes stand in its result."""

import dataclasses
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
SLOTS = 4  # movers at once: spec.limits.concurrentMovers of the repository


@dataclasses.dataclass(frozen=True)
class Settings:
    volumes: tuple = (1, 3, 10)
    megabytes: int = 128          # of each of them
    changed_megabytes: int = 2048  # of the volume of which 1 % changes
    rounds: int = 3
    cluster: str = "holdfast-bench"
    keep: bool = False
    smoke: bool = False

    @property
    def result(self):
        return ROOT / f"build/bench/restore{'-smoke' if self.smoke else ''}.json"


def read():
    smoke = bool(os.environ.get("HOLDFAST_BENCH_SMOKE"))
    chosen = {"volumes": (1, 2), "megabytes": 8, "changed_megabytes": 64, "rounds": 1} if smoke else {}
    for name in ("megabytes", "changed_megabytes", "rounds"):
        if word := os.environ.get(f"HOLDFAST_BENCH_{name.upper()}"):
            chosen[name] = int(word)
    if words := os.environ.get("HOLDFAST_BENCH_VOLUMES"):
        chosen["volumes"] = tuple(map(int, words.split()))
    return Settings(**chosen, smoke=smoke, keep=bool(os.environ.get("HOLDFAST_BENCH_KEEP")),
                    cluster=os.environ.get("HOLDFAST_BENCH_CLUSTER", Settings.cluster))
