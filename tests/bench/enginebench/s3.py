"""An S3 server behind a link with latency."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from . import BenchError, tree
from .settings import ROOT
from .tools import Bucket

ACCESS_KEY, SECRET_KEY, REGION, BUCKET = "holdfastbench", "a secret of benchmarks", "us-east-1", "bench"
LATENCY_MS = 20  # of a round trip
START_SECONDS = 30


def gateway_binary():
    """The server's program, built if it has to be."""
    chosen = os.environ.get("HOLDFAST_VERSITYGW")
    if chosen:
        return chosen
    built = subprocess.run([ROOT / "tests/cluster/cluster", "build"], check=False, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise BenchError("tests/cluster/cluster build failed: the rows to S3 need its versitygw")
    return built.stdout.split()[-1] + "/versitygw"


class Store:
    """Runs the server and the link; places are to be used one after the other."""

    def __init__(self, work):
        self._folder = work / "s3"
        self._stack = contextlib.ExitStack()
        self._places = 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(tree.remove, self._folder)
            port = self._start_gateway(stack)
            self.endpoint = f"http://127.0.0.1:{self._start_link(stack, port)}"
            _await_answer(self.endpoint)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception):
        self._stack.close()

    def bucket(self):
        """A place that is empty."""
        self._places += 1
        prefix = f"place{self._places}"
        return Bucket(self.endpoint, BUCKET, prefix, ACCESS_KEY, SECRET_KEY, REGION, self._folder / "store" / BUCKET / prefix)

    def _start_gateway(self, stack):
        (self._folder / "store" / BUCKET).mkdir(parents=True)
        (self._folder / "meta").mkdir()
        port = _free_port()
        environment = {**os.environ, "ROOT_ACCESS_KEY_ID": ACCESS_KEY, "ROOT_SECRET_ACCESS_KEY": SECRET_KEY}
        _start(stack, [gateway_binary(), "--port", f"127.0.0.1:{port}", "--region", REGION, "--keep-alive", "--quiet",
                       "posix", "--sidecar", self._folder / "meta", self._folder / "store"],
               self._folder / "log", environment)
        return port

    def _start_link(self, stack, port):
        log = self._folder / "link.log"
        _start(stack, [ROOT / "build/bin/holdfast_slow_link", port, LATENCY_MS], log, os.environ)
        return _await(lambda: log.read_text().strip(), "the slow link does not start")


class Lazy:
    """Starts the store when it is first asked for."""

    def __init__(self, work):
        self._work = work
        self._stack = contextlib.ExitStack()
        self._store = None

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._stack.close()

    def get(self):
        if self._store is None:
            self._store = self._stack.enter_context(Store(self._work))
        return self._store


def _start(stack, words, log, environment):
    """A process that ends with the stack, or with this program, however that ends."""
    with open(log, "wb") as output:
        process = subprocess.Popen([str(word) for word in words], stdout=output, stderr=subprocess.STDOUT,
                                   env=environment, preexec_fn=_die_with_parent)
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _die_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _await(probe, complaint):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.01)
    raise BenchError(f"{complaint} within {START_SECONDS} seconds")


def _await_answer(endpoint):
    def answers():
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()
        except urllib.error.HTTPError:
            return True  # it wants a signature
        except OSError:
            return False
        return True
    _await(answers, f"no S3 server answers at {endpoint}")


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
