"""What is backed up. Each data set is made by a program of tests/bench/data, and always the same one way."""

import dataclasses
import json
import pathlib
import subprocess

from . import BenchError, tree

PROGRAMS = pathlib.Path(__file__).resolve().parents[1] / "data"


@dataclasses.dataclass
class DataSet:
    title: str
    make: list  # program and words; "{}" is the folder
    make_smoke: list  # the same for a run of seconds
    change: list = dataclasses.field(default_factory=list)  # in place
    change_smoke: list = dataclasses.field(default_factory=list)


ALL = {
    "postgres": DataSet("data folder of a PostgreSQL 15, pgbench scale 120",
                        ["postgres", "make", "{}", 120], ["postgres", "make", "{}", 1],
                        ["postgres", "change", "{}", 128_000], ["postgres", "change", "{}", 400]),
    "source": DataSet("150,000 source-like files in 12,000 folders",
                      ["source_tree", "{}", 150_000, 12_000, 1_900_000_000], ["source_tree", "{}", 500, 50, 6_000_000]),
    "random": DataSet("one incompressible file of 2 GiB",
                      ["random_file", "{}/random", 2 << 30], ["random_file", "{}/random", 8 << 20]),
    "tiny": DataSet("a million files of 0 to 100 bytes in 100,000 folders",
                    ["tiny_files", "{}", 1_000_000], ["tiny_files", "{}", 2000]),
}


class Made:
    """A data set on disk. A later run may find it there, if it was kept and nothing changed it since."""

    def __init__(self, name, work, smoke):
        self.title = ALL[name].title
        self.folder = work / "data" / name
        self.changed = False
        self._words = ALL[name].make_smoke if smoke else ALL[name].make
        self._change_words = ALL[name].change_smoke if smoke else ALL[name].change
        self._stamp = work / "data" / f"{name}.json"

    def make(self):
        if self._stamp.exists() and json.loads(self._stamp.read_text()) == self._words:
            return
        self.remove()
        self.folder.mkdir(parents=True)
        self._run(self._words)
        self._stamp.write_text(json.dumps(self._words))

    def change(self):
        self._stamp.unlink()
        self._run(self._change_words)
        self.changed = True

    def remove(self):
        self._stamp.unlink(missing_ok=True)
        tree.remove(self.folder)

    def _run(self, words):
        command = [PROGRAMS / words[0], *(str(word).format(self.folder) for word in words[1:])]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise BenchError(f"cannot make {self.title}: {done.stdout[-2000:]}")
