"""One node: a container by hand, in which a real containerd, kubelet and kube-proxy run.

Its processes share a process, a mount and a network namespace of their own. The
first process is node-init; when it dies, the kernel ends every process of the node,
pods included, and with the last of them its mounts and its network are gone.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time

from . import layout, network, pki, tools
from .errors import StepError
from .process import Daemon, run, wait_until

CGROUPS = pathlib.Path("/sys/fs/cgroup")


def start(node):
    """Starts the node's processes, and does not wait for them."""
    _make_cgroups(node)
    _write_configuration(node)
    process = Daemon(node.cluster, node.name).start(
        ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--mount-proc", "--propagation=private",
         layout.HERE / "node-init"],
        env={"NODE": node.name, "NODE_FOLDER": node.folder, "STATE_ROOT": layout.STATE_ROOT,
             "KUBERNETES": tools.path("kubernetes"), "PAUSE": tools.path("pause"), "TMPDIR": "/run"},
        stdin=subprocess.PIPE)
    own = os.readlink("/proc/self/ns/net")
    wait_until(f"starting {node.name}", 10, lambda: os.readlink(f"/proc/{process.pid}/ns/net") != own,
               node.log, alive=[Daemon(node.cluster, node.name)])
    network.connect(node, process.pid)
    process.stdin.write(b"the network is there\n")
    process.stdin.close()


def wait_containerd(node):
    """Waits until the node takes images."""
    socket = node.containerd_socket
    wait_until(f"starting containerd on {node.name}", 30,
               lambda: socket.exists() and run("", "ctr", "--address", socket, "version"),
               node.folder / "log/containerd.log", alive=[Daemon(node.cluster, node.name)])


def start_kubelet(node):
    """Tells node-init that the images and the API server are there."""
    (node.folder / "start-kubelet").touch()


def add_small_volume(node, name, size):
    """A file system of `size` ("16m") that is full when it is full, and its path on the node."""
    path = f"/opt/small/{name}"
    first = Daemon(node.cluster, node.name).child()
    run("adding a small volume", "nsenter", f"--mount=/proc/{first}/ns/mnt", "sh", "-c",
        f"mkdir -p {path} && mount -t tmpfs -o size={size},mode=0777 small-{name} {path}")
    return path


def stop(node):
    daemon = Daemon(node.cluster, node.name)
    first = daemon.child()
    if first is not None:
        # unshare's only child is the node's process 1; unshare ends after it. The
        # pid is fresh: it was read from the kernel under a parent known to be ours.
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
    # Signal 0 only asks: unshare ends by itself once its child is gone.
    daemon.stop(0 if first else signal.SIGKILL, seconds=20)


def _write_configuration(node):
    for folder in ("cni", "config"):
        (node.folder / folder).mkdir(parents=True, exist_ok=True)
    pki.kubeconfig(node.cluster, node.name, node.folder / "config/kubelet.kubeconfig")
    pki.kubeconfig(node.cluster, "proxy", node.folder / "config/proxy.kubeconfig")
    (node.folder / "config/containerd.toml").write_text(_containerd(node))
    # The cluster's DNS answers everything itself; the machine's is not reachable.
    (node.folder / "config/resolv.conf").write_text("")
    (node.folder / "config/kubelet.json").write_text(json.dumps(_kubelet(node), indent=1))
    (node.folder / "config/proxy.json").write_text(json.dumps(_proxy(node), indent=1))
    (node.folder / "cni/10-bridge.conflist").write_text(json.dumps(_cni(node), indent=1))


def _containerd(node):
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE runc dies of the default.
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:dev"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{node.folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""


def _cni(node):
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{
        "type": "bridge", "bridge": "cni0", "isDefaultGateway": True, "hairpinMode": True, "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": node.pods}]]}}]}


def _kubelet(node):
    keys = node.cluster.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": node.address, "clusterDNS": [node.cluster.dns_service], "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "tlsCertFile": f"{keys}/{node.name}.crt", "tlsPrivateKeyFile": f"{keys}/{node.name}.key",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                           "x509": {"clientCAFile": f"{keys}/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs", "cgroupRoot": f"/{node.cluster.cgroup}/{node.name}", "failCgroupV1": False,
        "enforceNodeAllocatable": [], "failSwapOn": False, "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False, "resolvConf": f"{node.folder}/config/resolv.conf",
        # A full disk of a developer's machine must not evict pods or drop the
        # images, which nothing could pull again.
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%",
                         "nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        # Tests kill the operator many times: each would wait twice as long as the one before, up to five minutes.
        "featureGates": {"KubeletCrashLoopBackOffMax": True}, "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},
    }


def _proxy(node):
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "nftables",
        "clientConnection": {"kubeconfig": f"{node.folder}/config/proxy.kubeconfig"},
        "hostnameOverride": node.name, "clusterCIDR": node.cluster.all_pods,
        # Connection tracking is tuned machine-wide, which is not ours to change.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _hierarchies():
    """The mount points of cgroup v1's controllers, or the one of v2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [folder for folder in CGROUPS.iterdir() if folder.is_dir() and not folder.is_symlink()]


def _make_cgroups(node):
    for hierarchy in _hierarchies():
        parent = hierarchy
        for part in (node.cluster.cgroup, node.name):
            _delegate(parent)
            child = parent / part
            child.mkdir(exist_ok=True)
            # A new v1 cpuset is empty, and no process may enter an empty one.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (parent / file).exists() and (hierarchy != CGROUPS):
                    (child / file).write_text((parent / file).read_text())
            parent = child
        _delegate(parent)


def _delegate(folder):
    """cgroup v2 only: lets the children of a group use its controllers."""
    control = folder / "cgroup.subtree_control"
    if control.exists() and _hierarchies() == [CGROUPS]:
        available = (folder / "cgroup.controllers").read_text().split()
        control.write_text(" ".join(f"+{name}" for name in available))


def remove_cgroups(cluster, seconds=10):
    """Removes what is left of the nodes' cgroups once their processes are gone."""
    deadline = time.monotonic() + seconds
    for top in cgroup_folders(cluster):
        for folder, _, _ in os.walk(top, topdown=False):
            while True:
                try:
                    os.rmdir(folder)
                    break
                except FileNotFoundError:
                    break
                except OSError as error:  # EBUSY while the kernel still takes the last process out
                    if time.monotonic() > deadline:
                        raise StepError("removing the cgroups", str(error)) from error
                    time.sleep(0.02)


def cgroup_folders(cluster):
    return [folder / cluster.cgroup for folder in _hierarchies() if (folder / cluster.cgroup).exists()]
