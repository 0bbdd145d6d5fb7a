"""The programs of the cluster and of tests, from pinned modules and cached by their source.

A cache entry's name holds a hash of everything the binary depends on, so a changed
go.mod or main.go builds a new one and an old checkout still finds its own.
"""

import dataclasses
import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import time

from . import layout
from .errors import StepError
from .process import run

KUBERNETES = "v1.34.4"
_VERSION = "k8s.io/component-base/version"
_KUBERNETES_VERSION = f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"


@dataclasses.dataclass(frozen=True)
class Tool:
    """A Go program."""
    name: str
    module: str          # the folder below tools/
    package: str = "."
    ldflags: str = ""
    in_cluster: bool = True

    @property
    def source(self):
        return layout.HERE / "tools" / self.module

    @property
    def key(self):
        return self.package, self.ldflags, _go_version()

    def make(self, target, log):
        """Writes the program to `target`; the exit code of what made it."""
        command = [_go(), "build", "-ldflags", f"-s -w {self.ldflags}", "-o", target, self.package]
        return subprocess.call(command, cwd=self.source, env=_environment(), stdout=log, stderr=log)


@dataclasses.dataclass(frozen=True)
class NodeTool:
    """A program of an npm package, with what it needs beside it. Its lock file is written by
    `npm install --package-lock-only --omit=dev --omit-lockfile-registry-resolved`."""
    name: str
    module: str
    script: str          # below node_modules/
    in_cluster: bool = False

    @property
    def source(self):
        return layout.HERE / "tools" / self.module

    @property
    def key(self):
        return self.script, *_npm()

    def make(self, target, log):
        for file in ("package.json", "package-lock.json"):
            shutil.copy(self.source / file, target.parent)
        command = [*_npm(), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        path = f"{pathlib.Path(_npm()[0]).parent}:{os.environ['PATH']}"
        code = subprocess.call(command, cwd=target.parent, env={**os.environ, "PATH": path}, stdout=log, stderr=log)
        script = target.parent / "node_modules" / self.script
        target.write_text(f'#!/bin/sh\nexec "{_node()}" "{script}" "$@"\n')
        target.chmod(0o755)
        return code


_SNAPSHOTTER = "github.com/kubernetes-csi/external-snapshotter/v8/cmd"

ALL = [
    # The slowest first: the others' compilations fit beside its link.
    Tool("kubernetes", "kubernetes", ldflags=_KUBERNETES_VERSION),
    Tool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", _KUBERNETES_VERSION),
    Tool("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
    Tool("versitygw", "versitygw", "github.com/versity/versitygw/cmd/versitygw"),
    Tool("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
    Tool("coredns", "coredns"),
    Tool("local-path-provisioner", "local-path-provisioner", "github.com/rancher/local-path-provisioner"),
    Tool("pause", "pause"),
    # What only tests need.
    Tool("snapshot-controller", "external-snapshotter", f"{_SNAPSHOTTER}/snapshot-controller", in_cluster=False),
    Tool("csi-snapshotter", "external-snapshotter", f"{_SNAPSHOTTER}/csi-snapshotter", in_cluster=False),
    Tool("csi-provisioner", "csi-provisioner", "github.com/kubernetes-csi/external-provisioner/v5/cmd/csi-provisioner",
         in_cluster=False),
    Tool("csi-driver", "csi-driver", in_cluster=False),
    Tool("gitops-health", "gitops-health", in_cluster=False),
    Tool("fake-gcs-server", "fake-gcs-server", "github.com/fsouza/fake-gcs-server", in_cluster=False),
    Tool("rest-server", "rest-server", "github.com/restic/rest-server/cmd/rest-server", in_cluster=False),
    NodeTool("azurite-blob", "azurite", "azurite/dist/src/blob/main.js"),
]


# What only benchmarks need.
BENCH = [Tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", in_cluster=False)]


def path(name):
    """The binary's path; call build() first."""
    return _path(next(tool for tool in ALL + BENCH if tool.name == name))


def _path(tool):
    return layout.CACHE / "tools" / f"{tool.name}-{_hash(tool)}" / tool.name


@functools.cache
def _hash(tool):
    digest = hashlib.sha256(repr(tool.key).encode())
    for file in sorted(tool.source.iterdir()):
        if file.suffix in (".go", ".mod", ".sum", ".json"):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


@functools.cache
def _go():
    """The go command: the PATH's, or the one tests/setup/install-packages made."""
    found = shutil.which("go") or shutil.which("go", path=str(layout.CACHE / "go/bin"))
    if not found:
        raise StepError("looking for Go", "no `go` command; run tests/setup/install-packages")
    return found


@functools.cache
def _go_version():
    # Reading the VERSION file instead of running `go version` would save 10 ms,
    # but not every distribution's Go has one.
    return run("asking Go its version", _go(), "env", "GOVERSION", env=_environment())


def go(*arguments, cwd):
    """What `go ARGUMENTS` prints."""
    return run(f"running go {arguments[0]}", _go(), *arguments, cwd=cwd, env=_environment())


@functools.cache
def _node():
    """The node command: the PATH's, or the one tests/setup/install-packages made."""
    found = shutil.which("node") if shutil.which("npm") else None
    found = found or shutil.which("node", path=str(layout.CACHE / "node/bin"))
    if not found:
        raise StepError("looking for Node.js", "no `node` and `npm` commands; run tests/setup/install-packages")
    return found


def _npm():
    own = pathlib.Path(_node()).parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
    return [_node(), str(own)] if own.exists() else [shutil.which("npm")]


def _environment():
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-trimpath -buildvcs=false"}


CONTROL_PLANE = ("kubernetes", "kubectl")


def build(for_tests=False, names=None):
    """Builds what the cache lacks: all but what benchmarks need, or those of `names`. Instant when it lacks nothing."""
    for tool in ALL + BENCH:
        wanted = tool.name in names if names else tool in ALL and (tool.in_cluster or for_tests)
        if wanted and not _path(tool).exists():
            _build(tool)


def _build(tool):
    target = _path(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    log = target.parent / "build.log"
    with open(target.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return  # somebody else built it while this one waited
        started = time.monotonic()
        print(f"building {tool.name}...", flush=True)
        unfinished = target.with_suffix(".new")
        with open(log, "w") as output:
            code = tool.make(unfinished, output)
        if code != 0:
            raise StepError(f"building {tool.name}", f"exit code {code}", log)
        unfinished.rename(target)
        print(f"built {tool.name} in {time.monotonic() - started:.0f} s", flush=True)


def bin_folder():
    """A folder for PATH with the tools that people and tests call by hand."""
    names = ["kubectl", "helm", "kubeconform", "versitygw"]
    names += [tool.name for tool in ALL if not tool.in_cluster and _path(tool).exists()]
    key = hashlib.sha256(" ".join(str(path(name)) for name in names).encode()).hexdigest()[:12]
    folder = layout.CACHE / "bin" / key
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            fresh = folder / f".{name}.{os.getpid()}"
            fresh.symlink_to(path(name))
            fresh.rename(folder / name)
    return folder
