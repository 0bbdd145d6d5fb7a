"""The cluster's network: a bridge on the host, and a cable from it to each node.

The host forwards nothing and gets no firewall rule: it only reaches the pods by
routes over the bridge, which vanish with it.
"""

import fcntl
import ipaddress
import json
import os

from . import layout
from .errors import StepError
from .process import run

_STEP = "setting up the network"
_OCTETS = range(100, 200)


def claim_octet(cluster):
    """Finds a 10.N.0.0/16 that nothing on this machine uses, and notes it."""
    layout.STATE_ROOT.mkdir(parents=True, exist_ok=True)
    with open(layout.STATE_ROOT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        taken = {octet_of(folder.name) for folder in layout.STATE_ROOT.iterdir() if folder.is_dir()}
        routes = _routed_networks()
        for octet in _OCTETS:
            network = ipaddress.ip_network(f"10.{octet}.0.0/16")
            if octet not in taken and not any(network.overlaps(route) for route in routes):
                cluster.folder.mkdir(mode=0o711, exist_ok=True)
                (cluster.folder / "octet").write_text(f"{octet}\n")
                return octet
    raise StepError(_STEP, f"no network of 10.{_OCTETS.start}-{_OCTETS.stop - 1}.0.0/16 is free")


def octet_of(cluster_name):
    try:
        return int((layout.STATE_ROOT / cluster_name / "octet").read_text())
    except FileNotFoundError:
        return 0


def _routed_networks():
    destinations = [route["dst"] for route in json.loads(run(_STEP, "ip", "-j", "-4", "route", "show", "table", "all"))]
    with open("/etc/resolv.conf") as file:
        destinations += [words[1] for words in map(str.split, file) if words[:1] == ["nameserver"] and ":" not in words[1]]
    return [ipaddress.ip_network(dst, strict=False) for dst in destinations if dst != "default"]


def _ip(*arguments, inside=None):
    """`ip`, optionally in the network namespace of a process."""
    enter = ["nsenter", f"--net=/proc/{inside}/ns/net"] if inside else []
    run(_STEP, *enter, "ip", *arguments)


def create_bridge(cluster):
    _ip("link", "add", cluster.bridge, "type", "bridge")
    _ip("address", "add", f"{cluster.host}/24", "dev", cluster.bridge)
    _ip("link", "set", cluster.bridge, "up")


def connect(node, pid):
    """Gives the namespace of process `pid` its cable, addresses and routes."""
    cluster = node.cluster
    _ip("link", "add", node.link, "master", cluster.bridge, "up", "type", "veth", "peer", "name", "eth0", "netns", pid)
    _ip("link", "set", "lo", "up", inside=pid)
    _ip("address", "add", f"{node.address}/24", "dev", "eth0", inside=pid)
    _ip("link", "set", "eth0", "up", inside=pid)
    _ip("route", "add", "default", "via", cluster.host, inside=pid)
    for other in cluster.nodes:
        if other != node:
            _ip("route", "add", other.pods, "via", other.address, inside=pid)
    _ip("route", "add", node.pods, "via", node.address)
    run(_STEP, "nsenter", f"--net=/proc/{pid}/ns/net", "nft", "-f", "-", stdin=_masquerade(cluster))


def cut(node):
    """Pulls the node's cable out of the bridge: nobody reaches it, and what runs there runs on."""
    _ip("link", "set", node.link, "down")


def mend(node):
    _ip("link", "set", node.link, "up")


def route_services(cluster):
    """Lets the host call services: by way of the first node's kube-proxy."""
    _ip("route", "add", cluster.services, "via", cluster.nodes[0].address)


def _masquerade(cluster):
    # Services were already translated to pods when this chain sees a packet.
    return f"""table ip holdfast {{
  chain postrouting {{
    type nat hook postrouting priority srcnat
    ip saddr {cluster.all_pods} ip daddr != {cluster.all_pods} oifname eth0 masquerade
  }}
}}
"""


def remove(cluster):
    """Removes the cables and the bridge; routes and the nodes' ends go with them."""
    for link in [node.link for node in layout.Cluster(cluster.name, cluster.octet, layout.MAX_NODES).nodes] + [cluster.bridge]:
        _delete_link(link)


def _delete_link(link):
    """A cable goes with its node's namespace, at any moment: gone is as good as deleted."""
    there = f"/sys/class/net/{link}"
    if not os.path.exists(there):
        return
    try:
        _ip("link", "delete", link)
    except StepError:
        if os.path.exists(there):
            raise
