"""A cluster of one node with Holdfast in it, as the end-to-end tests have it, and what is restored there."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time

from . import BenchError
from .settings import ROOT, SLOTS

sys.path.insert(0, str(ROOT / "tests/cluster"))
sys.path.insert(0, str(ROOT / "tests/bench"))
from operatorbench.api import GROUP, Api  # noqa: E402
from testcluster import lifecycle, tools  # noqa: E402

PROGRAM = ROOT / "tests/cluster/cluster"
MOVER = ROOT / "build/bin/holdfast-mover"
PASSWORD = "correct horse battery staple"
DEADLINE = 900  # seconds, for anything


@contextlib.contextmanager
def running(options):
    tools.build()
    _run(PROGRAM, "up", "--name", options.cluster, "--nodes", 1)
    try:
        kubeconfig = lifecycle.require(options.cluster).kubeconfig
        environment = {**os.environ, "PATH": f"{tools.bin_folder()}:{os.environ['PATH']}", "KUBECONFIG": str(kubeconfig),
                       "HOLDFAST_TEST_CLUSTER": options.cluster}
        _run(ROOT / "tests/e2e/install", env=environment)
        yield Cluster(options, kubeconfig)
    finally:
        if not options.keep:
            _run(PROGRAM, "down", "--name", options.cluster)


class Cluster:
    def __init__(self, options, kubeconfig):
        self.api = Api(kubeconfig)
        self.folder = kubeconfig.parent / "bench"  # on the disk where the volumes are
        self._kubectl = [tools.path("kubectl"), f"--kubeconfig={kubeconfig}"]
        words = _run(PROGRAM, "s3", "env", "--name", options.cluster)
        self.s3 = dict(shlex.split(line)[1].split("=", 1) for line in words.splitlines() if line.startswith("export "))

    def kubectl(self, *words, stdin=None):
        return _run(*self._kubectl, *words, stdin=stdin)

    def location(self, namespace):
        return f"s3:{self.s3['S3_ENDPOINT']}/{self.s3['S3_BUCKET']}/bench/{namespace}"

    def restore_by_hand(self, namespace, claim, snapshot):
        """The mover alone, as a process of this machine."""
        target = self.folder / claim
        keys = {name: self.s3[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        _run(MOVER, "restore", f"--repo={self.location(namespace)}", f"--ca-file={self.s3['S3_CA_FILE']}",
             f"--target={target}", snapshot, env={**os.environ, **keys, "HOLDFAST_PASSWORD": PASSWORD})


class Namespace:
    """A StatefulSet `app` of `count` pods with a volume each, its repository and its policy."""

    def __init__(self, cluster, name, count):
        self.cluster, self.name, self.count = cluster, name, count
        self.path = f"{GROUP}/namespaces/{name}"
        self.sets = f"/apis/apps/v1/namespaces/{name}/statefulsets/app"

    def kubectl(self, *words, stdin=None):
        return self.cluster.kubectl("--namespace", self.name, *words, stdin=stdin)

    def make(self, megabytes):
        self.kubectl("create", "namespace", self.name)
        s3 = self.cluster.s3
        self.kubectl("create", "secret", "generic", "store", f"--from-literal=AWS_ACCESS_KEY_ID={s3['AWS_ACCESS_KEY_ID']}",
                     f"--from-literal=AWS_SECRET_ACCESS_KEY={s3['AWS_SECRET_ACCESS_KEY']}")
        self.kubectl("create", "secret", "generic", "password", f"--from-literal=password={PASSWORD}")
        self.kubectl("create", "configmap", "store-ca", f"--from-file=ca.crt={s3['S3_CA_FILE']}")
        for item in (repository(s3, self.name), policy(), stateful_set(self.count)):
            self.apply(item)
        self.kubectl("rollout", "status", "statefulset/app", "--timeout=300s")
        for pod in self.pods():
            self.shell(pod, f"dd if=/dev/urandom of=/data/big bs=1M count={megabytes} 2>/dev/null && sync")
        self.kubectl("wait", "bkr/offsite", "--for=condition=Ready", "--timeout=300s")
        self.apply({"apiVersion": "holdfast.dev/v1alpha1", "kind": "Backup", "metadata": {"name": "run"},
                    "spec": {"policy": "app", "type": "Full"}})
        self.kubectl("wait", "bk/run", "--for=condition=Ready", "--timeout=600s")

    def remove(self):
        self.kubectl("delete", "namespace", self.name, "--timeout=300s")

    def pods(self):
        return [f"app-{ordinal}" for ordinal in range(self.count)]

    def shell(self, pod, script):
        return self.kubectl("exec", pod, "--", "sh", "-c", script)

    def apply(self, item):
        self.kubectl("apply", "-f", "-", stdin=json.dumps(item))

    def backup(self):
        return self.cluster.api.get(f"{self.path}/backups/run")

    def scale(self, replicas):
        """How long until that many are ready, and no others there."""
        began = time.monotonic()
        self.cluster.api.call("PATCH", self.sets, {"spec": {"replicas": replicas}}, "application/merge-patch+json")
        self.wait(lambda: self._settled(replicas), f"StatefulSet app has {replicas} ready pods")
        return time.monotonic() - began

    def _settled(self, replicas):
        status = self.cluster.api.get(self.sets)["status"]
        pods = self.cluster.api.get(f"/api/v1/namespaces/{self.name}/pods?labelSelector=app%3Dapp")["items"]
        return status.get("readyReplicas", 0) == replicas and len(pods) == replicas

    def wait(self, done, what):
        deadline = time.monotonic() + DEADLINE
        while not done():
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name}: waited {DEADLINE} s in vain until {what}")
            time.sleep(0.02)


def repository(s3, namespace):
    return {"apiVersion": "holdfast.dev/v1alpha1", "kind": "BackupRepository", "metadata": {"name": "offsite"},
            "spec": {"s3": {"endpoint": s3["S3_ENDPOINT"], "bucket": s3["S3_BUCKET"], "prefix": f"bench/{namespace}",
                            "credentialsSecret": {"name": "store"}, "caBundle": {"configMap": "store-ca", "key": "ca.crt"}},
                     "passwordSecret": {"name": "password"}, "limits": {"concurrentMovers": SLOTS}}}


def policy():
    return {"apiVersion": "holdfast.dev/v1alpha1", "kind": "BackupPolicy", "metadata": {"name": "app"},
            "spec": {"target": {"statefulSet": "app"}, "repository": "offsite"}}


def restore(name):
    return {"apiVersion": "holdfast.dev/v1alpha1", "kind": "Restore", "metadata": {"name": name},
            "spec": {"source": {"backup": "run"}, "target": {"statefulSet": "app"}, "deleteExtra": True}}


def stateful_set(replicas):
    container = {"name": "app", "image": "localhost/busybox:dev", "imagePullPolicy": "IfNotPresent", "command": ["sleep", "infinity"],
                 "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "app"},
            "spec": {"replicas": replicas, "serviceName": "app", "podManagementPolicy": "Parallel",
                     "selector": {"matchLabels": {"app": "app"}},
                     "template": {"metadata": {"labels": {"app": "app"}},
                                  "spec": {"terminationGracePeriodSeconds": 0, "containers": [container],
                                           "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}}},
                     "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                         "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "4Gi"}}}}]}}


def idle_job(name):
    """A mover's Job whose mover does nothing."""
    container = {"name": "mover", "image": "localhost/holdfast-mover:dev", "imagePullPolicy": "IfNotPresent", "args": ["--version"]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container],
                                                              "terminationGracePeriodSeconds": 0,
                                                              "automountServiceAccountToken": False}}}}


def _run(*words, stdin=None, env=None):
    done = subprocess.run([str(word) for word in words], check=False, input=stdin, env=env, cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise BenchError(f"{shlex.join(str(word) for word in words)[:300]}: {done.stdout[-2000:]}")
    return done.stdout
