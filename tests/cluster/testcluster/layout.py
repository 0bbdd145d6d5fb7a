"""Where everything of one cluster is: its folder, its names, its addresses.

A cluster owns the second octet of 10.<octet>.0.0/16 and of 127.<octet>.0.0/16:

    10.N.0.1         the host's end of the bridge: API server and S3
    10.N.0.11-13     the nodes
    10.N.64.0/20     services; .64.1 is the API server, .64.10 the DNS
    10.N.129-131.0   the pods of node 1-3, a /24 each, inside 10.N.128.0/17
    127.N.0.1        etcd, scheduler and controller manager: nothing in a pod
                     can reach them, and clusters do not share their ports
"""

import dataclasses
import os
import pathlib
import re

from .errors import StepError

STATE_ROOT = pathlib.Path(os.environ.get("HOLDFAST_STATE", "/var/lib/holdfast-clusters"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "holdfast"
HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
MAX_NODES = 3

# A UNIX socket's path has at most 107 bytes, and the longest suffix below a
# cluster's folder is "/node1/run/containerd/containerd.sock.ttrpc" (43).
MAX_FOLDER = 107 - 43


@dataclasses.dataclass(frozen=True)
class Node:
    cluster: "Cluster"
    number: int

    @property
    def name(self):
        return f"node{self.number}"

    @property
    def folder(self):
        return self.cluster.folder / self.name

    @property
    def address(self):
        return f"10.{self.cluster.octet}.0.{10 + self.number}"

    @property
    def pods(self):
        return f"10.{self.cluster.octet}.{128 + self.number}.0/24"

    @property
    def link(self):
        """The host's end of the node's cable."""
        return f"{self.cluster.bridge}n{self.number}"

    @property
    def containerd_socket(self):
        return self.folder / "run/containerd/containerd.sock"

    @property
    def log(self):
        return self.cluster.log(self.name)


@dataclasses.dataclass(frozen=True)
class Cluster:
    name: str
    octet: int = 0      # 0 until `up` has claimed one
    node_count: int = 0  # 0 for a control plane alone

    @property
    def folder(self):
        return STATE_ROOT / self.name

    @property
    def nodes(self):
        return [Node(self, number) for number in range(1, self.node_count + 1)]

    @property
    def bridge(self):
        return f"hf{self.octet}"

    @property
    def host(self):
        return f"10.{self.octet}.0.1"

    @property
    def loopback(self):
        return f"127.{self.octet}.0.1"

    @property
    def network(self):
        return f"10.{self.octet}.0.0/16"

    @property
    def services(self):
        return f"10.{self.octet}.64.0/20"

    @property
    def api_service(self):
        return f"10.{self.octet}.64.1"

    @property
    def dns_service(self):
        return f"10.{self.octet}.64.10"

    @property
    def all_pods(self):
        return f"10.{self.octet}.128.0/17"

    @property
    def api_url(self):
        return f"https://{self.host}:6443"

    @property
    def kubeconfig(self):
        return self.folder / "kubeconfig"

    @property
    def pki(self):
        return self.folder / "pki"

    @property
    def cgroup(self):
        return f"holdfast-{self.name}"

    def log(self, process):
        return self.folder / "log" / f"{process}.log"


def check_name(name):
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
        raise StepError("reading --name", f"{name!r} is not a DNS label")
    if len(str(STATE_ROOT / name)) > MAX_FOLDER:
        raise StepError("reading --name", f"{STATE_ROOT / name} is longer than {MAX_FOLDER} bytes, "
                        "which UNIX sockets below it do not allow")
