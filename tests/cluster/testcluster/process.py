"""Running commands, and daemons that outlive this program.

A daemon's record is its pid and the kernel's start time of that pid. A pid that
was given to another process since then has another start time, so a stale record
never kills a stranger.
"""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import time

from .errors import StepError


def run(step, *command, stdin=None, env=None, cwd=None):
    """Runs a command to its end and returns what it printed."""
    command = [str(word) for word in command]
    done = subprocess.run(command, input=stdin, env=env, cwd=cwd, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")[-1500:]
        raise StepError(step, f"`{shlex.join(command)[:300]}`: {said}")
    return done.stdout


def wait_until(step, seconds, condition, log=None, alive=()):
    """Polls until condition() is true. It may raise StepError: that is 'not yet',
    and the last one is the reason given when the time is over. A daemon of
    `alive` that has died ends the wait at once."""
    deadline = time.monotonic() + seconds
    why = "still not so"
    while True:
        try:
            if condition():
                return
        except StepError as error:
            why = error.why
        for daemon in alive:
            if not daemon.running():
                raise StepError(step, f"{daemon.name} has exited", daemon.log)
        if time.monotonic() > deadline:
            raise StepError(step, f"not within {seconds} s: {why}", log)
        time.sleep(0.05)  # the interval of a poll, not a guess at a duration


def _stat(pid):
    """(state, parent, start time) of a process, or None."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the name in parentheses, which may hold anything.
    fields = text[text.rindex(")") + 2:].split()
    return fields[0], int(fields[1]), fields[19]


def _boot():
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Daemon:
    """A process of a cluster, known by its record in <cluster>/run/<name>.json."""

    def __init__(self, cluster, name):
        self.name = name
        self.log = cluster.log(name)
        self._record = cluster.folder / "run" / f"{name}.json"

    @staticmethod
    def all_of(cluster):
        return [Daemon(cluster, record.stem) for record in sorted((cluster.folder / "run").glob("*.json"))]

    def start(self, command, env=None, stdin=subprocess.DEVNULL):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            process = subprocess.Popen([str(word) for word in command], stdin=stdin, stdout=log, stderr=log,
                                       start_new_session=True, cwd="/", env={**os.environ, **(env or {})})
        stat = _stat(process.pid)
        unfinished = self._record.with_suffix(".new")
        unfinished.write_text(json.dumps({"pid": process.pid, "start": stat[2], "boot": _boot()}))
        unfinished.rename(self._record)
        return process

    def pid(self):
        """The pid if that very process still runs, else None."""
        try:
            record = json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        stat = _stat(record["pid"])
        if record["boot"] != _boot() or stat is None or stat[0] == "Z" or stat[2] != record["start"]:
            return None
        return record["pid"]

    def running(self):
        return self.pid() is not None

    def child(self):
        """The pid of its only child: the init process of a node."""
        pid = self.pid()
        if pid is None:
            return None
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def stop(self, how=signal.SIGTERM, seconds=5):
        """Ends it, by force when it does not listen, and forgets it."""
        for attempt in (how, signal.SIGKILL):
            self.signal(attempt)
            if self._ends_within(seconds):
                self._record.unlink(missing_ok=True)
                return
        raise StepError(f"stopping {self.name}", f"pid {self.pid()} survives SIGKILL", self.log)

    def _ends_within(self, seconds):
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline:
                return False
            _reap()
            time.sleep(0.01)
        return True

    def signal(self, number):
        pid = self.pid()
        if pid is None:
            return
        # A pidfd stays with the process it was opened for; asking again after
        # opening it closes the gap between the look and the kill.
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if self.pid() == pid:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            pass  # it ended by itself, which is what was wanted
        finally:
            os.close(handle)


def _reap():
    """Takes away the children of ours that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
