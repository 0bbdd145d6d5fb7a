"""The rows of the table, and how each is measured."""

import dataclasses
import datetime
import os

from . import BenchError, measure, tools, tree

RESTIC, BEST_PEER = "restic", "best peer"


@dataclasses.dataclass(frozen=True)
class Row:
    """`at_least`: how many times faster than restic and than the best peer; `peak` in MiB.

    `slow_rounds`: the most rounds of tools that take minutes for each.
    """
    name: str
    title: str
    data: str
    work: str
    at_least: tuple = ()
    peak: int = 64
    over_s3: bool = False
    slow_rounds: int = 0  # no fewer than the others


# In the order in which they are measured: what changes the data comes last.
ALL = [
    Row("a", "PostgreSQL, first backup", "postgres", "first", ((RESTIC, 3), (BEST_PEER, 1.8))),
    Row("c", "PostgreSQL, unchanged", "postgres", "again", ((RESTIC, 5),)),
    Row("h-a", "PostgreSQL, restore", "postgres", "restore", ((RESTIC, 2),)),
    Row("i-a", "PostgreSQL, first backup, S3 at 20 ms", "postgres", "first", ((RESTIC, 3),), over_s3=True),
    Row("b", "PostgreSQL, after 128,000 transactions", "postgres", "changed", ((RESTIC, 3),)),
    Row("d", "source files, first backup", "source", "first", ((RESTIC, 4),)),
    Row("e", "source files, unchanged", "source", "again", ((RESTIC, 5),)),
    Row("h-d", "source files, restore", "source", "restore", ((RESTIC, 1.3),)),
    Row("i-d", "source files, first backup, S3 at 20 ms", "source", "first", ((RESTIC, 3),), over_s3=True),
    Row("f", "incompressible, first backup", "random", "first", ((RESTIC, 2.5),)),
    Row("h-f", "incompressible, restore", "random", "restore", ((RESTIC, 2),)),
    Row("g", "a million tiny files, first backup", "tiny", "first", peak=96, slow_rounds=1),
    Row("h-g", "a million tiny files, restore", "tiny", "restore", ((RESTIC, 1.3),), peak=96, slow_rounds=1),
]


def select(names):
    """The rows that are called so, or whose names begin so: h is all restores."""
    unknown = [name for name in names if not any(_called(row, name) for row in ALL)]
    if unknown:
        raise BenchError(f"no row {unknown[0]}; there are {' '.join(row.name for row in ALL)}")
    return [row for row in ALL if not names or any(_called(row, name) for name in names)]


def _called(row, name):
    return name in (row.name, row.name.split("-")[0])


class Bench:
    """Measures the rows of one data set.

    All work is done in the same place, one tool after the other: some of them remember where a repository was.
    """

    def __init__(self, settings, installed, data, store):
        self._settings = settings
        self._tools = installed
        self._data = data
        self._store = store
        self._log = settings.work / "log"
        self._run_folder = settings.work / "run"
        self._target = settings.work / "target"
        self._saved_folder = settings.work / "saved"
        self._saved = {}

    def measure(self, row):
        """The record of a row: what was worked on, and every run."""
        contenders = self._contenders(row)
        if row.work == "changed" and not self._data.changed:
            for tool in contenders:
                self._save(tool)
            self._data.change()
        size, files, folders = tree.count(self._data.folder)
        record = {"title": row.title, "data": self._data.title, "bytes": size, "files": files, "folders": folders,
                  "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                  "load": os.getloadavg()[0], "tools": {tool.name: tool.version() for tool in contenders}, "runs": []}
        for number in range(1, self._settings.rounds + 1):
            for tool in self._taking_part(row, contenders, number):
                usage = self._restore(tool, number) if row.work == "restore" else self._backup(row, tool, number)
                record["runs"].append({"tool": tool.name, "round": number, **usage})
                _tell(row, record["runs"][-1])
        return record

    def clear(self):
        """Removes everything but the data, also what a run left that was cut short."""
        for folder in (self._saved_folder, self._run_folder, self._target):
            tree.remove(folder)

    def _taking_part(self, row, contenders, number):
        return [tool for tool in contenders if not (tool.slow and row.slow_rounds and number > row.slow_rounds)]

    def _contenders(self, row):
        chosen = [tool for tool in self._tools if tool.speaks_s3 or not row.over_s3]
        if row.work != "restore":
            return chosen
        return [*chosen, *tools.beside_restores(chosen)]

    def _backup(self, row, tool, number):
        place = self._fresh(tool, row.over_s3) if row.work == "first" else self._copy_of_saved(tool)
        usage = self._usage(tool.backup(place, self._data.folder))
        usage["stored"], _, _ = tree.count(place.repository)
        if number == 1:
            self._restored(tool, place.beside_the_server(), check=True)
        if row.work == "first" and not place.bucket:
            self._keep(tool, place)
        else:
            tree.remove(place.folder)
        if place.bucket:
            tree.remove(place.bucket.folder)
        return usage

    def _restore(self, tool, number):
        saved = self._save(tool)
        place = self._at_work()
        saved.rename(place.folder)
        usage = self._restored(tool, place, check=number == 1)
        place.folder.rename(saved)
        return usage

    def _restored(self, tool, place, check):
        self._target.mkdir()
        usage = self._usage(tool.restore(place, self._data.folder, self._target))
        if check:
            tree.require_equal(self._data.folder, tool.restored(self._data.folder, self._target), tool.keeps_times)
        tree.remove(self._target)
        return usage

    def _usage(self, command):
        usage = measure.run(command, self._log)
        return dataclasses.asdict(usage)

    def _fresh(self, tool, over_s3=False):
        """An empty repository."""
        place = tools.Place(self._run_folder, self._store().bucket() if over_s3 else None)
        place.make()
        measure.run(tool.init(place), self._log)
        return place

    def _save(self, tool):
        """The folder that holds a repository with one backup of the data as it was first."""
        saved = self._saved_folder / tool.saves_as
        if not saved.exists():
            if self._data.changed:
                raise BenchError(f"{self._data.title} was changed before {tool.name} backed it up")
            place = self._fresh(tool)
            measure.run(tool.backup(place, self._data.folder), self._log)
            self._keep(tool, place)
        return saved

    def _keep(self, tool, place):
        """For _save: with a million files another backup by each tool takes minutes."""
        saved = self._saved_folder / tool.saves_as
        if saved.exists():
            tree.remove(place.folder)
        else:
            saved.parent.mkdir(exist_ok=True)
            place.folder.rename(saved)

    def _copy_of_saved(self, tool):
        tree.copy(self._save(tool), self._run_folder)
        return self._at_work()

    def _at_work(self):
        return tools.Place(self._run_folder, snapshots=1)


def _tell(row, run):
    print(f"{row.name:4} round {run['round']}  {run['tool']:14} {run['wall']:8.2f} s   "
          f"CPU {run['user'] + run['system']:7.2f} s   peak {run['peak'] / measure.MIB:6.0f} MiB", flush=True)
