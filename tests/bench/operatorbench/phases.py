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
LATENCY_PERIOD = 0.25  # seconds from one Backup to the next
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
        """From a Backup's creation to its Job's, as a client that watches Jobs sees it. One after the other without a pause
        would measure the operator's limit of its own requests instead."""
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
                time.sleep(max(0, start + LATENCY_PERIOD - time.monotonic()))
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
        due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=settings.due_minutes)
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


class Followed:
    """What happens to a collection from now on, told by a watch of its own to `on_event(type, object)` on its thread."""

    def __init__(self, client, path):
        self._client = client
        self._path = path
        self.changed = threading.Condition()

    def __enter__(self):
        version = self._client.get(f"{self._path}?limit=1")["metadata"]["resourceVersion"]
        self._stream = self._client.stream(f"{self._path}?watch=1&resourceVersion={version}")
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._stream.close()

    def _follow(self):
        for event in self._stream.events():
            with self.changed:
                self.on_event(event["type"], event["object"])
                self.changed.notify_all()

    def on_event(self, kind, item):
        raise NotImplementedError


class JobWatch(Followed):
    """When Jobs appear."""

    def __init__(self, client):
        super().__init__(client, collection("Job"))
        self._seen = {}

    def on_event(self, kind, item):
        if kind == "ADDED":
            self._seen[item["metadata"]["namespace"], item["metadata"]["name"]] = time.monotonic()

    def await_job(self, namespace, name):
        with self.changed:
            if not self.changed.wait_for(lambda: (namespace, name) in self._seen, 60):
                raise BenchError(f"no Job {namespace}/{name} after a minute")
            return self._seen[namespace, name]


class MoverWatch(Followed):
    """How many movers of each repository are at work, at every moment."""

    def __init__(self, client):
        super().__init__(client, collection("Job"))
        self._running = {}
        self.most = 0
        self.uids = set()

    def on_event(self, kind, item):
        metadata = item["metadata"]
        if metadata["labels"].get("holdfast.dev/verb") != "backup":
            return
        self.uids.add(metadata["uid"])
        movers = self._running.setdefault((metadata["namespace"], metadata["labels"]["holdfast.dev/repository"]), set())
        ended = any(c["type"] in ("Complete", "Failed") and c["status"] == "True"
                    for c in item.get("status", {}).get("conditions", []))
        if kind == "DELETED" or ended:
            movers.discard(metadata["uid"])
        else:
            movers.add(metadata["uid"])
        self.most = max(self.most, len(movers))


class RunWatch(Followed):
    """The Backups of some policies."""

    def __init__(self, client, wanted):
        super().__init__(client, f"{GROUP}/backups")
        self._wanted = wanted
        self.runs = {}
        self._waiting = set()
        self.most_waiting = 0
        self.wait = ""

    def on_event(self, kind, item):
        key = item["metadata"]["namespace"], item["metadata"]["name"]
        if kind == "DELETED" or (key[0], item["spec"]["policy"]) not in self._wanted:
            return
        status = item.get("status", {})
        ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {"reason": ""})
        waits = ready["reason"] == "WaitingForSlot"
        (self._waiting.add if waits else self._waiting.discard)(key)
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        if waits:
            self.wait = ready["message"]
        self.runs[key] = {"policy": (key[0], item["spec"]["policy"]), "created": item["metadata"]["creationTimestamp"],
                          "started": status.get("startTime"), "ended": status.get("completionTime"), "phase": status.get("phase")}

    def over(self):
        with self.changed:
            return len(self.runs) >= len(self._wanted) and all(run["ended"] for run in self.runs.values())


class DueWatch:
    """Follows the run of many due policies, and judges it at its end."""

    def __init__(self, client, operator, names):
        self._client = client
        self._operator = operator
        self._wanted = {(namespace, name): repository for namespace, name, repository in names}
        self._most_told = self._most_queued = self._most_per_second = 0
        self._told = {}
        self._samples = []

    def run(self, due):
        with RunWatch(self._client, self._wanted) as self._runs, MoverWatch(self._client) as self._movers:
            self._told = self._next_runs(due)
            deadline = time.time() + 60 * MINUTES
            while time.time() < deadline:
                self._operator.require_alive()
                self._look()
                if time.time() > due and self._runs.over():
                    self.ended = time.time()
                    return
                time.sleep(2)
        raise BenchError("not all policies that were due have run after an hour")

    def _next_runs(self, due):
        """When each policy says it runs, its jitter included, before any of them does."""
        self._operator.settle()
        told = {}
        for item in self._client.list(f"{GROUP}/backuppolicies"):
            key = item["metadata"]["namespace"], item["metadata"]["name"]
            if key in self._wanted and item.get("status", {}).get("nextRun"):
                told[key] = _time(item["status"]["nextRun"])
        if time.time() > due or len(told) < len(self._wanted):
            raise BenchError(f"{len(told)} of {len(self._wanted)} policies had told their next run when they were due:"
                             " give HOLDFAST_BENCH_DUE_MINUTES")
        return told

    def _look(self):
        """What is told of the queue, and how fast the operator asks, over ten seconds."""
        hot = self._client.get(f"{collection('BackupRepository', objects.namespace_name(0))}/{objects.HOT}")
        self._most_told = max(self._most_told, hot.get("status", {}).get("waiting", 0))
        self._most_queued = max(self._most_queued, int(self._operator.queued()))
        self._samples.append((time.monotonic(), sum(self._operator.requests().values())))
        while self._samples[-1][0] - self._samples[0][0] > 15:
            self._samples.pop(0)
        seconds = self._samples[-1][0] - self._samples[0][0]
        if seconds >= 10:
            self._most_per_second = max(self._most_per_second, (self._samples[-1][1] - self._samples[0][1]) / seconds)

    def figures(self, due):
        runs = self._runs.runs.values()
        by_policy = {}
        for run in runs:
            by_policy.setdefault(run["policy"], []).append(run)
        late = sorted(_time(run["created"]) - self._told[run["policy"]] for run in runs)
        told = sorted(time - due.timestamp() for time in self._told.values())
        hot = sorted((run["created"], name, _time(run["started"])) for (_, name), run in self._runs.runs.items()
                     if self._wanted[run["policy"]] == objects.HOT)
        in_turn = zip(hot, hot[1:])  # those that were made in the same second have no order
        return {"due": len(self._wanted), "ran_once": sum(1 for items in by_policy.values() if len(items) == 1),
                "movers_made": len(self._movers.uids), "succeeded": sum(1 for run in runs if run["phase"] == "Succeeded"),
                "jitter_s": [round(told[0]), round(statistics.median(told)), round(told[-1])],
                "before_its_time": sum(1 for seconds in late if seconds < 0),
                "late_median_s": statistics.median(late), "late_max_s": late[-1],
                "all_over_s": round(self.ended - due.timestamp(), 1),
                "hot_out_of_order": sum(1 for a, b in in_turn if a[0] < b[0] and b[2] < a[2]),
                "most_movers_of_a_repository": self._movers.most, "slots": objects.SLOTS,
                "most_waiting_told_by_the_repository": self._most_told, "most_waiting_by_their_conditions": self._runs.most_waiting,
                "wait": self._runs.wait, "most_in_work_queues": self._most_queued,
                "most_requests_per_second": round(self._most_per_second, 1)}


def _time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
