"""The operator as a process, seen from outside."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

from . import BenchError
from .settings import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
PORT = 18080
SYNC_SECONDS = 600
SETTLE_SECONDS = 5


class Operator:
    """Runs from `with` to its end. `started` and `synced` are in seconds of time.monotonic()."""

    def __init__(self, kubeconfig, log, *options):
        self._words = [str(ROOT / "build/bin/holdfast-operator"), f"--kubeconfig={kubeconfig}", "--cluster-name=bench",
                       "--mover-image=localhost/holdfast-mover:bench", f"--metrics-address=127.0.0.1:{PORT}",
                       f"--health-address=127.0.0.1:{PORT}", "--leader-elect", "--lease-namespace=default",
                       # Its own Jobs every ten minutes are not what is measured, and no node would run them.
                       "--probe-period=24h", *options]
        self._log = log
        self._process = None

    def __enter__(self):
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with open(self._log, "ab") as output:
            self.started = time.monotonic()
            self._process = subprocess.Popen(self._words, stdout=output, stderr=output, cwd="/")
        self.synced = self._await_ready()
        return self

    def __exit__(self, *_exception):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _await_ready(self):
        while time.monotonic() - self.started < SYNC_SECONDS:
            self.require_alive()
            with contextlib.suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return time.monotonic()
            time.sleep(0.02)
        raise BenchError(f"the operator's caches are not in sync after {SYNC_SECONDS} s: {self._log}")

    def require_alive(self):
        if self._process.poll() is not None:
            raise BenchError(f"the operator ended with {self._process.returncode}: see {self._log}")

    def memory(self):
        """Bytes resident: now, and at most since the start."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        read = lambda name: int(re.search(rf"{name}:\s+(\d+) kB", status).group(1)) * 1024
        return {"settled": read("VmRSS"), "peak": read("VmHWM")}

    def threads(self):
        return len(os.listdir(f"/proc/{self._process.pid}/task"))

    def cpu(self):
        """Seconds of processor time used so far."""
        fields = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def metrics(self):
        """The operator's own, as {name and labels: value}."""
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}

    def requests(self):
        """How many it has sent, by method."""
        counts = {}
        for name, value in self.metrics().items():
            method = re.match(r'rest_client_requests_total\{.*method="(\w+)"', name)
            if method:
                counts[method.group(1)] = counts.get(method.group(1), 0) + int(value)
        return counts

    def queued(self):
        return sum(value for name, value in self.metrics().items() if name.startswith("workqueue_depth"))

    def settle(self):
        """Waits until it has had nothing to do for a while."""
        quiet_since, last = time.monotonic(), None
        while time.monotonic() - quiet_since < SETTLE_SECONDS:
            self.require_alive()
            state = (self.queued(), self.requests().get("PATCH", 0) // 20, self.requests().get("POST", 0))
            # The lease is renewed every two seconds, so a few PATCHes are silence.
            if state[0] or state != last:
                quiet_since, last = time.monotonic(), state
            time.sleep(0.5)
