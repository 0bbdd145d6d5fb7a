"""The real Kubernetes that everything is measured against, and kwok, which plays nodes for movers' pods."""

import contextlib
import subprocess
import sys
import time

from . import BenchError, api
from .settings import ROOT

sys.path.insert(0, str(ROOT / "tests/cluster"))
from testcluster import lifecycle, tools  # noqa: E402

PROGRAM = ROOT / "tests/cluster/cluster"
STAGES = ROOT / "tests/bench/operatorbench/stages.yaml"
NODES = 4


@contextlib.contextmanager
def running(settings):
    """An API client of a control plane without nodes, empty but for the definitions of the four kinds."""
    tools.build(names=[*tools.CONTROL_PLANE, "kwok"])
    _run(PROGRAM, "up", "--name", settings.cluster, "--nodes", 0)
    try:
        kubeconfig = lifecycle.require(settings.cluster).kubeconfig
        kubectl = tools.path("kubectl")
        _run(kubectl, f"--kubeconfig={kubeconfig}", "apply", "--server-side", "-f", ROOT / "crds")
        _run(kubectl, f"--kubeconfig={kubeconfig}", "wait", "--for=condition=Established", "crd", "--all")
        yield api.Api(kubeconfig), kubeconfig
    finally:
        if not settings.keep:
            _run(PROGRAM, "down", "--name", settings.cluster)


@contextlib.contextmanager
def fake_nodes(client, kubeconfig, log):
    """Nodes of kwok, the process that plays them, and a scheduler to use them."""
    process = scheduler = None
    try:
        with open(log, "ab") as output:
            scheduler = subprocess.Popen(
                [tools.path("kubernetes"), "kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false",
                 "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"], stdout=output, stderr=output, cwd="/")
            process = subprocess.Popen(
                [tools.path("kwok"), f"--kubeconfig={kubeconfig}", f"--config={STAGES}", "--manage-all-nodes=false",
                 "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--node-lease-duration-seconds=40",
                 "--server-address="], stdout=output, stderr=output, cwd="/")
        for i in range(NODES):
            client.create({"kind": "Node", "apiVersion": "v1", "metadata": {
                "name": f"kwok-{i}", "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"kubernetes.io/hostname": f"kwok-{i}"}}})
        _await_ready(client, process, log)
        yield
    finally:
        for started in filter(None, (process, scheduler)):
            started.terminate()
            started.wait()


def _await_ready(client, process, log):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"kwok ended with {process.returncode}: see {log}")
        nodes = [client.get(f"/api/v1/nodes/kwok-{i}") for i in range(NODES)]
        # The controller manager takes the taint away once it has seen the node Ready.
        if all(_is_ready(node) for node in nodes):
            return
        time.sleep(0.2)
    raise BenchError(f"kwok's nodes do not become Ready: see {log}")


def _is_ready(node):
    taints = [taint["key"] for taint in node["spec"].get("taints", [])]
    return not taints and any(c["type"] == "Ready" and c["status"] == "True"
                              for c in node.get("status", {}).get("conditions", []))


def _run(*words):
    done = subprocess.run([str(word) for word in words], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(str(word) for word in words)}: {done.stdout[-2000:]}")
    return done.stdout
