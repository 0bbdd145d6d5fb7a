"""One run of a program: time, processor time, memory."""

import dataclasses
import os
import pathlib
import subprocess
import time

from . import BenchError

MIB = 1 << 20


@dataclasses.dataclass
class Command:
    words: list
    environment: dict = dataclasses.field(default_factory=dict)
    folder: pathlib.Path = pathlib.Path("/")


@dataclasses.dataclass
class Usage:
    """Seconds, and bytes of memory; of the process and of all it started and waited for."""
    wall: float
    user: float
    system: float
    peak: int

    @property
    def cpu(self):
        return self.user + self.system


def run(command, log):
    """The usage of a run that succeeded. Its output goes to the file `log`.

    A new process inherits this program's own memory as its least peak: see peak_floor.
    """
    words = [str(word) for word in command.words]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **{k: str(v) for k, v in command.environment.items()}}
    with open(log, "wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(words, cwd=command.folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = pathlib.Path(log).read_text(errors="replace")[-2000:]
        raise BenchError(f"exit code {process.returncode} from {' '.join(words)}\n{tail}")
    return Usage(wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024)


def peak_floor():
    """The peak of a program that needs none: less than this is not seen."""
    return run(Command(["true"]), os.devnull).peak
