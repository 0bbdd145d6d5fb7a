"""What a cluster has left on the machine: empty after `down`, and the proof of it."""

import os
import pathlib

from . import csi, node
from .process import run

_STEP = "looking for traces"


def of(cluster):
    """One line for each thing that still belongs to the cluster."""
    return [*_folders(cluster), *_processes(cluster), *_mounts(cluster), *_network(cluster),
            *(f"device {name}" for name in csi.devices(cluster)), *(f"cgroup {folder}" for folder in node.cgroup_folders(cluster))]


def _folders(cluster):
    return [f"folder {cluster.folder}"] if cluster.folder.exists() else []


def _processes(cluster):
    """Whatever names a file of the cluster among its arguments, was started with its
    environment, or works in one of its cgroups; but not this program and its callers."""
    own = _ancestors()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        try:
            arguments = (entry / "cmdline").read_text(errors="replace")
            environment = (entry / "environ").read_text(errors="replace")
            groups = (entry / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if f"={cluster.folder}/" in arguments or f"NODE_FOLDER={cluster.folder}/" in environment \
                or f"/{cluster.cgroup}/" in groups:
            yield f"process {entry.name} ({arguments[:80]!r})"


def _ancestors():
    pid, found = os.getpid(), set()
    while pid > 0:
        found.add(pid)
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        pid = int(status.split("PPid:")[1].split()[0])
    return found


def _mounts(cluster):
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return [f"mount {line.split()[4]}" for line in lines if f"{cluster.folder}/" in line.split()[4] + "/"]


def _network(cluster):
    if not cluster.octet:
        return []
    found = [f"link {name}" for name in os.listdir("/sys/class/net")
             if name == cluster.bridge or name.startswith(f"{cluster.bridge}n")]
    routes = run(_STEP, "ip", "-4", "route", "show", "table", "all").splitlines()
    return found + [f"route {route}" for route in routes if f"10.{cluster.octet}." in route]
