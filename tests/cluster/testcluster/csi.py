"""VolumeSnapshots, VolumeGroupSnapshots and a CSI driver for tests: the real snapshot controller and sidecars, on the host
itself, over a driver of ours (tools/csi-driver) whose storage every node sees."""

import json
import pathlib

from . import layout, tools
from .errors import StepError
from .process import Daemon, run, wait_until

_STEP = "setting up CSI"
_CRDS = {"snapshot": ["volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots"],
         "groupsnapshot": ["volumegroupsnapshotclasses", "volumegroupsnapshotcontents", "volumegroupsnapshots"]}
_SIDECARS = ["csi-provisioner", "csi-snapshotter", "snapshot-controller"]


def up(cluster, kubectl):
    """`kubectl`: as lifecycle's. Nothing to do for what is up."""
    tools.build(names=["csi-driver", *_SIDECARS])
    (cluster.folder / "csi").mkdir(exist_ok=True)
    for node in cluster.nodes:
        _start_driver(cluster, node)
    driver = _start_controller(cluster)
    manifests = layout.HERE / "manifests/csi"
    kubectl(cluster, "apply", "-f", *_files(_crd_folder()), step=_STEP)
    kubectl(cluster, "wait", "--for=condition=Established",
            *[f"crd/{name}.{group}.storage.k8s.io" for group, names in _CRDS.items() for name in names], step=_STEP)
    kubectl(cluster, "apply", "-f", manifests, step=_STEP)
    for name in _SIDECARS:
        _start_sidecar(cluster, name)
    wait_until("waiting for the nodes to know the CSI driver", 60, lambda: _registered(cluster, kubectl), driver.log, [driver])


def devices(cluster):
    """The loop devices of volumes that are devices, those that the kubelet puts on them first. They outlive a node that
    is killed. Paths are told as the node that attached them saw them."""
    loops = json.loads(run(_STEP, "losetup", "--list", "--json", "--output", "NAME,BACK-INO,BACK-FILE") or "{}").get("loopdevices", [])
    ours = [loop["name"] for loop in loops if f"/{cluster.name}/csi/volumes/" in loop["back-file"]]
    nodes = {pathlib.Path(name).stat().st_ino for name in ours}
    return [loop["name"] for loop in loops if loop["back-ino"] in nodes and loop["name"] not in ours] + ours


def remove_devices(cluster):
    for device in devices(cluster):
        run(_STEP, "losetup", "--detach", device)


def _start(cluster, name, command, env=None):
    daemon = Daemon(cluster, name)
    if not daemon.running():
        daemon.start(command, env=env)
    return daemon


def _socket(cluster):
    return cluster.folder / "csi/csi.sock"


def _start_controller(cluster):
    daemon = _start(cluster, "csi-driver", [tools.path("csi-driver"), f"--root={cluster.folder}/csi", f"--socket={_socket(cluster)}"])
    wait_until("starting the CSI driver", 20, _socket(cluster).exists, daemon.log, [daemon])
    return daemon


def _start_driver(cluster, node):
    """In the node's namespaces, so that what it mounts is there for the kubelet, and goes with the node."""
    first = Daemon(cluster, node.name).child()
    if first is None:
        raise StepError(_STEP, f"{node.name} does not run")
    plugins = "/var/lib/kubelet"
    run(_STEP, "nsenter", f"--target={first}", "--mount", "mkdir", "-p", f"{plugins}/plugins/csi-test", f"{plugins}/plugins_registry")
    _start(cluster, f"csi-{node.name}",
           ["nsenter", f"--target={first}", "--mount", "--pid", "--net", tools.path("csi-driver"), f"--root={cluster.folder}/csi",
            f"--node={node.name}", f"--socket={plugins}/plugins/csi-test/csi.sock",
            f"--registration-socket={plugins}/plugins_registry/csi-test.sock"])


def _start_sidecar(cluster, name):
    # Five requests a second, the default, make a snapshot of two volumes take seconds.
    flags = [f"--kubeconfig={cluster.kubeconfig}", "--kube-api-qps=100", "--kube-api-burst=200"]
    if name != "csi-provisioner":
        flags.append("--feature-gates=CSIVolumeGroupSnapshot=true")
    if name != "snapshot-controller":
        flags.append(f"--csi-address={_socket(cluster)}")
    _start(cluster, name, [tools.path(name), *flags])


def _registered(cluster, kubectl):
    for item in json.loads(kubectl(cluster, "get", "csinodes", "-o", "json"))["items"]:
        if not item["spec"].get("drivers"):
            raise StepError("", f"{item['metadata']['name']} does not")
    return True


def _crd_folder():
    """From the module that has the CRDs' types: the API and the controller are of one version."""
    module = "github.com/kubernetes-csi/external-snapshotter/client/v8"
    found = json.loads(tools.go("mod", "download", "-json", module, cwd=layout.HERE / "tools/external-snapshotter"))
    return pathlib.Path(found["Dir"]) / "config/crd"


def _files(folder):
    return ",".join(str(folder / f"{group}.storage.k8s.io_{name}.yaml") for group, names in _CRDS.items() for name in names),
