"""What is measured, in this order: each phase finds what those before it made."""

import datetime
import re
import statistics
import threading
import time

from . import BenchError, cluster, objects
from .api import GROUP, collection
from .process import Operator

MINUTES = 60
OURS = ("backuprepositories", "backuppolicies", "backups", "restores")
# Who else writes in an idle cluster: the kubelet of the real node and the control plane, about themselves.
NOT_OURS = {"leases", "nodes", "tokenreviews", "subjectaccessreviews", "tokenrequests", "serviceaccounts", "configmaps",
            "apiservices", "flowschemas", "prioritylevelconfigurations", "endpointslices", "endpoints"}


class Bench:
    def __init__(self, settings, client, kubeconfig, folder, save):
        self._settings = settings
        self._client = client
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._save = save

    def run(self):
        for name in self._settings.phases:
            print(f"-- {name}", flush=True)
            started = time.monotonic()
            figures = getattr(self, name)()
            figures["seconds"] = round(time.monotonic() - started, 1)
            self._save(name, figures)
            print(f"   {figures}", flush=True)

    def empty(self):
        return self._settled("empty")

    def policies(self):
        """The policies alone: nothing that they name exists."""
        self._client.create_all(objects.namespaces(self._settings))
        self._client.create_all(objects.policies(self._settings))
        self._settled("policies-first")  # gives each its status
        return self._settled("policies")

    def full(self):
        self._client.create_all(objects.workloads(self._settings))
        self._client.create_all(objects.repositories(self._settings))
        self._client.create_all(objects.backups(self._settings))
        self._settled("full-first")
        return self._settled("full")

    def latency(self):
        """From a Backup's creation to its Job's, as a client that watches Jobs sees it."""
        times = []
        with self._operator("latency") as operator, JobWatch(self._client) as jobs:
            operator.settle()
            for i in range(self._settings.latencies):
                namespace = objects.namespace_name(i % self._settings.namespaces)
                name = f"now-{i:04}"
                made = objects.backup(namespace, name, objects.policy_name(0))
                start = time.monotonic()
                self._client.create(made)
                times.append(jobs.await_job(namespace, f"{name}-data-database-0") - start)
                self._client.call("DELETE", f"{collection('Backup', namespace)}/{name}")
        return {"backups": len(times), "median_ms": round(statistics.median(times) * 1000, 1),
                "p99_ms": round(sorted(times)[max(0, int(len(times) * 0.99) - 1)] * 1000, 1),
                "max_ms": round(max(times) * 1000, 1)}

    def idle(self):
        with self._operator("idle") as operator:
            operator.settle()
            before = self._snapshot(operator)
            time.sleep(self._settings.idle_seconds)
            operator.require_alive()
            after = self._snapshot(operator)
        seconds = after["time"] - before["time"]
        requests = {method: after["requests"][method] - before["requests"].get(method, 0) for method in after["requests"]}
        writes = {name: after["writes"][name] - before["writes"].get(name, 0) for name in after["writes"]
                  if after["writes"][name] != before["writes"].get(name, 0)}
        return {"idle_seconds": round(seconds), "cpu_percent": round(100 * (after["cpu"] - before["cpu"]) / seconds, 3),
                "objects_changed": sum(1 for key, version in after["versions"].items() if before["versions"].get(key) != version)
                + len(before["versions"].keys() - after["versions"].keys()),
                "writes_at_the_server": writes, "operator_requests": requests}

    def due(self):
        """As many policies due in the same minute: in pairs of namespaces, and some of them on one repository."""
        settings, client = self._settings, self._client
        hot = objects.namespace_name(0)
        client.create(objects.repository(hot, objects.HOT))
        due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=3 if not settings.smoke else 1)
        due = due.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)
        names = [self._due_policy(i) for i in range(settings.due)]
        cron = f"{due.minute} {due.hour} * * *"
        with cluster.fake_nodes(client, self._kubeconfig, self._folder / "kwok.log"), self._operator("due") as operator:
            cpu = operator.cpu()
            client.create_all(_scheduled(settings, names, cron))
            watch = DueWatch(client, operator, names)
            watch.run(due.timestamp())
            figures = watch.figures(due)
            figures.update(requests=operator.requests(), cpu_seconds=round(operator.cpu() - cpu, 1),
                           **{f"memory_{key}": value for key, value in operator.memory().items()})
        return figures

    def _due_policy(self, i):
        if i < self._settings.hot:
            return objects.namespace_name(0), f"due-hot-{i:04}", objects.HOT
        return objects.namespace_name(i % self._settings.namespaces), f"due-{i:05}", "offsite-0"

    def _settled(self, name):
        with self._operator(name) as operator:
            operator.settle()
            time.sleep(1 if self._settings.smoke else 10)
            return {**operator.memory(), "threads": operator.threads(), "sync_seconds": round(operator.synced - operator.started, 2),
                    "cpu_seconds": operator.cpu(), "requests": operator.requests()}

    def _operator(self, name):
        return Operator(self._kubeconfig, self._folder / f"operator-{name}.log")

    def _snapshot(self, operator):
        versions = {}
        for plural in OURS:
            versions.update(_versions(self._client, f"{GROUP}/{plural}"))
        for path in ("/apis/batch/v1/jobs", "/apis/apps/v1/statefulsets", "/api/v1/persistentvolumeclaims"):
            versions.update(_versions(self._client, path))
        return {"time": time.monotonic(), "cpu": operator.cpu(), "requests": operator.requests(), "versions": versions,
                "writes": _writes(self._client.call("GET", "/metrics"))}


def _versions(client, path):
    return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in client.list(path)}


def _writes(metrics):
    """The API server's own count of writes, by verb and resource."""
    counts = {}
    for labels, value in re.findall(r"^apiserver_request_total\{(.*?)\} (\S+)$", metrics, re.MULTILINE):
        label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if label["verb"] in ("GET", "LIST", "WATCH", "CONNECT") or label["resource"] in NOT_OURS or not label["resource"]:
            continue
        name = f"{label['verb']} {label['resource']}"
        counts[name] = counts.get(name, 0) + int(float(value))
    return counts


def _scheduled(settings, names, cron):
    for namespace, name, repository in names:
        yield objects.policy(namespace, name, repository, cron, f"{settings.jitter_seconds}s", "UTC")


class JobWatch:
    """When Jobs appear, told by a watch of its own."""

    def __init__(self, client):
        self._client = client
        self._seen = {}
        self._changed = threading.Condition()

    def __enter__(self):
        version = self._client.get("/apis/batch/v1/jobs?limit=1")["metadata"]["resourceVersion"]
        self._stream = self._client.stream(f"/apis/batch/v1/jobs?watch=1&resourceVersion={version}")
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._stream.close()

    def _follow(self):
        for event in self._stream.events():
            if event["type"] == "ADDED":
                metadata = event["object"]["metadata"]
                with self._changed:
                    self._seen[metadata["namespace"], metadata["name"]] = time.monotonic()
                    self._changed.notify_all()

    def await_job(self, namespace, name):
        with self._changed:
            if not self._changed.wait_for(lambda: (namespace, name) in self._seen, 60):
                raise BenchError(f"no Job {namespace}/{name} after a minute")
            return self._seen[namespace, name]


class DueWatch:
    """Follows the run of many due policies, and judges it at its end."""

    def __init__(self, client, operator, names):
        self._client = client
        self._operator = operator
        self._wanted = {(namespace, name): repository for namespace, name, repository in names}
        self._most_waiting = 0
        self._most_running = {}

    def run(self, due):
        deadline = time.time() + 60 * MINUTES
        while time.time() < deadline:
            self._operator.require_alive()
            self._look()
            if time.time() > due and self._over():
                self.ended = time.time()
                return
            time.sleep(3)
        raise BenchError("not all policies that were due have run after an hour")

    def _look(self):
        """Movers at work, and what is told of the queue."""
        running = {}
        for job in self._client.list(collection("Job"), "holdfast.dev/verb=backup"):
            if not job.get("status", {}).get("completionTime"):
                key = job["metadata"]["namespace"], job["metadata"]["labels"].get("holdfast.dev/repository", "")
                running[key] = running.get(key, 0) + 1
        for key, count in running.items():
            self._most_running[key] = max(self._most_running.get(key, 0), count)
        hot = self._client.get(f"{collection('BackupRepository', objects.namespace_name(0))}/{objects.HOT}")
        self._most_waiting = max(self._most_waiting, hot.get("status", {}).get("waiting", 0))

    def _over(self):
        self._backups = [item for item in self._client.list(f"{GROUP}/backups")
                         if (item["metadata"]["namespace"], item["spec"]["policy"]) in self._wanted]
        return len(self._backups) >= len(self._wanted) and all(
            item.get("status", {}).get("completionTime") for item in self._backups)

    def figures(self, due):
        runs = {}
        for item in self._backups:
            runs.setdefault((item["metadata"]["namespace"], item["spec"]["policy"]), []).append(item)
        created = [_time(item["metadata"]["creationTimestamp"]) - due.timestamp() for item in self._backups]
        hot = sorted((item for item in self._backups if self._wanted[item["metadata"]["namespace"], item["spec"]["policy"]]
                      == objects.HOT), key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))
        starts = [_time(item["status"]["startTime"]) for item in hot]
        return {"due": len(self._wanted), "ran_once": sum(1 for items in runs.values() if len(items) == 1),
                "succeeded": sum(1 for item in self._backups if item["status"]["phase"] == "Succeeded"),
                "first_created_s": round(min(created), 1), "last_created_s": round(max(created), 1),
                "all_over_s": round(self.ended - due.timestamp(), 1),
                "hot_out_of_order": sum(1 for a, b in zip(starts, starts[1:]) if b < a),
                "most_movers_of_a_repository": max(self._most_running.values(), default=0), "slots": objects.SLOTS,
                "most_waiting_seen": self._most_waiting}


def _time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
