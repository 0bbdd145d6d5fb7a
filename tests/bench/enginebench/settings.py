"""What the environment says about a run."""

import dataclasses
import fcntl
import os
import pathlib
import shutil

from . import BenchError

ROOT = pathlib.Path(__file__).resolve().parents[3]
GIB = 1 << 30
PEAK = 14 * GIB  # of everything in the work folder at once: the restores of f

SMOKE_ROWS = ["a", "b", "c", "h-d", "i-d", "f", "g"]  # each data set, each kind of work


@dataclasses.dataclass
class Settings:
    smoke: bool
    rounds: int
    rows: list  # names; empty for all
    tools: list
    keep: bool  # the data sets, for the next run
    work: pathlib.Path
    result: pathlib.Path


def words(name):
    return [word for word in os.environ.get(name, "").replace(",", " ").split() if word]


def read():
    smoke = bool(words("HOLDFAST_BENCH_SMOKE"))
    tools = ["ours", "restic"] if smoke else ["ours", "restic", "rustic", "borg"]
    return Settings(
        smoke=smoke,
        rounds=int(os.environ.get("HOLDFAST_BENCH_ROUNDS", 1 if smoke else 5)),
        rows=words("HOLDFAST_BENCH_ROWS") or (SMOKE_ROWS if smoke else []),
        tools=words("HOLDFAST_BENCH_TOOLS") or tools,
        keep=bool(words("HOLDFAST_BENCH_KEEP")),
        work=work_folder(smoke),
        result=ROOT / "build/bench" / ("engine-smoke.json" if smoke else "engine.json"))


def work_folder(smoke):
    name = "holdfast-bench-smoke" if smoke else "holdfast-bench"
    chosen = os.environ.get("HOLDFAST_BENCH_DIR")
    if chosen:
        return pathlib.Path(chosen).resolve() / name
    memory = pathlib.Path("/dev/shm")
    if memory.is_dir() and room(memory) > (GIB if smoke else PEAK + GIB):
        return memory / name
    return ROOT / "build/bench" / name


def room(memory):
    """A tmpfs says how much it may hold, not how much memory is there for it."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return min(available, shutil.disk_usage(memory).free)


def claim(work):
    """Makes the work folder ours until this process ends; the caller holds on to what is returned."""
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o711)  # PostgreSQL runs as another user
    lock = open(work / "lock", "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BenchError(f"another benchmark works in {work}; wait for it, or set HOLDFAST_BENCH_DIR") from None
    return lock
