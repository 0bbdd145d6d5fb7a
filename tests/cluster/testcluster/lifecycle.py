"""up, down and status: the order in which the parts of a cluster come and go."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import shutil
import signal
import time

from . import control_plane, csi, images, layout, network, node as nodes, pki, tools, traces
from .errors import StepError
from .process import Daemon, run, wait_until


@contextlib.contextmanager
def locked(name):
    """One change to a cluster at a time; a second caller waits for the first."""
    layout.check_name(name)
    layout.STATE_ROOT.mkdir(parents=True, exist_ok=True)
    path = layout.STATE_ROOT / f".{name}.lock"
    while True:
        with open(path, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # `down` removes the file; whoever waited for it then must take the next one.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                    yield path
                    return


def existing(name):
    """The cluster as its state folder says; None when it is not up."""
    layout.check_name(name)
    try:
        count = json.loads((layout.STATE_ROOT / name / "up.json").read_text())["nodes"]
    except FileNotFoundError:
        return None
    return layout.Cluster(name, network.octet_of(name), count)


def require(name):
    cluster = existing(name)
    if cluster is None:
        raise StepError(f"looking for the cluster {name}", f"it is not up; start it with: cluster --name {name} up")
    return cluster


def up(name, node_count):
    """`node_count` None: as it is, or 1; 0: a control plane alone."""
    with locked(name):
        cluster = existing(name)
        if node_count is None:
            node_count = cluster.node_count if cluster else 1
        if cluster and cluster.node_count == node_count and _healthy(cluster):
            print(f"{name} is already up")
            return
        tools.build(names=None if node_count else tools.CONTROL_PLANE)
        archives = [images.build(image) for image in images.SYSTEM] if node_count else []
        started = time.monotonic()
        _remove(layout.Cluster(name, network.octet_of(name)))  # of a crash, or with another number of nodes
        cluster = layout.Cluster(name, network.claim_octet(layout.Cluster(name)), node_count)
        try:
            _start(cluster, archives)
        except BaseException:
            _stop_processes(cluster)  # but leave the logs
            raise
        (cluster.folder / "up.json").write_text(json.dumps({"nodes": node_count}) + "\n")
        print(f"{name} is up in {time.monotonic() - started:.1f} s: export KUBECONFIG={cluster.kubeconfig}")


def _daemons(cluster):
    return [Daemon(cluster, name) for name in control_plane.names(cluster) + [node.name for node in cluster.nodes]]


def _healthy(cluster):
    daemons = _daemons(cluster)
    if not all(daemon.running() for daemon in daemons):
        return False
    try:
        control_plane.wait_ready(cluster)
        return True
    except StepError:
        return False  # which `up` answers by starting it anew


def _start(cluster, archives):
    pki.create(cluster)
    pki.kubeconfig(cluster, "admin", cluster.kubeconfig)
    network.create_bridge(cluster)
    control_plane.start(cluster, "etcd")
    control_plane.start(cluster, "apiserver")
    if not cluster.node_count:
        control_plane.wait_ready(cluster)
        control_plane.start(cluster, "controller-manager")
        wait_until("waiting for the default account", 60, lambda: _default_account(cluster), alive=_daemons(cluster))
        return
    with concurrent.futures.ThreadPoolExecutor() as pool:
        starting = [pool.submit(_start_node, node, archives) for node in cluster.nodes]
        control_plane.wait_ready(cluster)
        control_plane.start(cluster, "controller-manager")
        control_plane.start(cluster, "scheduler")
        addons = pool.submit(_apply_addons, cluster)
        for one in starting:
            one.result()
        # A kubelet that finds no API server waits long before it tries again.
        for node in cluster.nodes:
            nodes.start_kubelet(node)
        addons.result()
    network.route_services(cluster)
    _wait_usable(cluster)


def _start_node(node, archives):
    nodes.start(node)
    nodes.wait_containerd(node)
    images.load([node], archives)


def kubectl(cluster, *arguments, step="asking the API server", stdin=None):
    return run(step, tools.path("kubectl"), f"--kubeconfig={cluster.kubeconfig}", *arguments, stdin=stdin)


def _apply_addons(cluster):
    folder = layout.HERE / "manifests"
    manifests = "---\n".join(file.read_text() for file in sorted(folder.glob("*.yaml")))
    kubectl(cluster, "create", "-f", "-", step=f"applying {folder}", stdin=manifests.replace("${DNS_SERVICE}", cluster.dns_service))


def _default_account(cluster):
    # Without it the API server refuses a pod that names no account.
    return kubectl(cluster, "get", "serviceaccount", "default", "-n", "default")


def _wait_usable(cluster):
    alive = _daemons(cluster)

    def nodes_ready():
        items = json.loads(kubectl(cluster, "get", "nodes", "-o", "json"))["items"]
        ready = [item for item in items for c in item["status"]["conditions"] if c["type"] == "Ready" and c["status"] == "True"]
        if len(ready) < cluster.node_count:
            raise StepError("", f"{len(ready)} of {cluster.node_count} are")
        return True

    def addons_ready():
        for item in json.loads(kubectl(cluster, "get", "deployments", "-A", "-o", "json"))["items"]:
            if not item["status"].get("readyReplicas"):
                raise StepError("", f"deployment {item['metadata']['name']} has no ready pod")
        return True

    wait_until("waiting for the nodes to be Ready", 60, nodes_ready, cluster.nodes[0].folder / "log/kubelet.log", alive)
    wait_until("waiting for DNS and the storage class", 60, addons_ready, cluster.nodes[0].folder / "log/kubelet.log", alive)
    wait_until("waiting for the default account", 60, lambda: _default_account(cluster), cluster.log("controller-manager"), alive)


def down(name):
    with locked(name) as lock:
        started = time.monotonic()
        cluster = layout.Cluster(name, network.octet_of(name))
        was_there = cluster.folder.exists()
        _remove(cluster)
        left = traces.of(cluster)
        if left:
            raise StepError(f"removing the cluster {name}", "still there: " + "; ".join(left))
        lock.unlink()
    _remove_empty_root()
    print(f"{name} is down in {time.monotonic() - started:.1f} s" if was_there else f"{name} is not up")


def _remove_empty_root():
    root = layout.STATE_ROOT
    if {entry.name for entry in root.iterdir()} <= {".lock"}:
        (root / ".lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a cluster that came up meanwhile keeps it
            root.rmdir()


def _remove(cluster):
    _stop_processes(cluster)
    csi.remove_devices(cluster)
    nodes.remove_cgroups(cluster)
    if cluster.octet:
        network.remove(cluster)
    if cluster.folder.exists():
        shutil.rmtree(cluster.folder)


def _stop_processes(cluster):
    daemons = Daemon.all_of(cluster)
    every_node = layout.Cluster(cluster.name, cluster.octet, layout.MAX_NODES).nodes
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(nodes.stop, every_node))
        # Nothing here is worth a graceful end: all of its state is removed next.
        list(pool.map(lambda daemon: daemon.stop(signal.SIGKILL), daemons))


def stop_component(name, component, how):
    """A crash, for tests: SIGKILL unless another signal is asked for."""
    cluster = require(name)
    with locked(name):
        Daemon(cluster, component).stop(how)


def start_component(name, component):
    """Waits until the API server answers, unless it was not started yet itself."""
    cluster = require(name)
    with locked(name):
        if not Daemon(cluster, component).running():
            control_plane.start(cluster, component)
        if Daemon(cluster, "apiserver").running() and Daemon(cluster, "etcd").running():
            control_plane.wait_ready(cluster)


def status(name):
    cluster = existing(name)
    if cluster is None:
        print(f"{name} is not up")
        return False
    print(f"{name}: {cluster.api_url}, state in {cluster.folder}")
    expected = _daemons(cluster)
    names = {daemon.name for daemon in expected}
    daemons = expected + [daemon for daemon in Daemon.all_of(cluster) if daemon.name not in names]
    for daemon in daemons:
        pid = daemon.pid()
        print(f"  {daemon.name:20} {f'running, pid {pid}' if pid else f'DEAD, log: {daemon.log}'}")
    if not all(daemon.running() for daemon in daemons):
        return False  # without asking the API server, which may wait for the dead one
    print(kubectl(cluster, "get", "nodes,pods", "--all-namespaces", "-o", "wide", "--request-timeout=10s"), end="")
    return True
