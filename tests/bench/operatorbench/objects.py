"""The objects that the benchmark makes, as a large installation would have them."""

import datetime
import hashlib

NEVER = "0 0 30 2 0"    # no cron of these policies comes due by itself
SLOTS = 4
HOT = "hot"             # the repository that many policies share


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def namespace_name(i):
    return f"team-{i:04}"


def namespaces(settings):
    for i in range(settings.namespaces):
        yield {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace_name(i)}}


def repository(namespace, name, ready=True):
    bucket = "backups"
    made = {"kind": "BackupRepository", "apiVersion": "holdfast.dev/v1alpha1",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"s3": {"endpoint": "https://s3.example.com", "bucket": bucket, "prefix": f"{namespace}/{name}",
                            "region": "eu-central-1", "credentialsSecret": {"name": "s3-credentials"}},
                     "passwordSecret": {"name": "repository-password"}, "limits": {"concurrentMovers": SLOTS}}}
    if ready:
        made["status"] = {
            "observedGeneration": 1, "id": digest(namespace + name),
            "location": f"s3:https://s3.example.com/{bucket}/{namespace}/{name}", "snapshots": 25, "storedBytes": 108_447_000,
            "stored": "103.4 MiB",
            "lastProbe": {"job": f"{name}-probe-0", "state": "Succeeded", "time": stamp(now())},
            "conditions": [condition("Ready", "True", "Reachable", "The repository answers.")]}
    return made


def repositories(settings):
    """Ready, as by a probe that has just ended."""
    for i in range(settings.repositories):
        yield repository(namespace_name(i % settings.namespaces), f"offsite-{i // settings.namespaces}")


def policy_name(i):
    return f"database-nightly-{i:02}"


def policy(namespace, name, repository_name, cron=NEVER, jitter="0s", time_zone="Europe/Berlin"):
    return {"kind": "BackupPolicy", "apiVersion": "holdfast.dev/v1alpha1",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"target": {"statefulSet": "database", "volumeClaims": ["data"], "exclude": ["**/tmp/**"]},
                     "repository": repository_name, "jitter": jitter, "timeZone": time_zone, "copyMethod": "Direct",
                     "schedules": [{"name": "nightly", "cron": cron, "type": "Incremental"}],
                     "retention": {"keepLast": 14}}}


def policies(settings):
    repositories_each = settings.repositories // settings.namespaces
    for i in range(settings.policies):
        space, number = i % settings.namespaces, i // settings.namespaces
        yield policy(namespace_name(space), policy_name(number), f"offsite-{number % repositories_each}")


def workloads(settings):
    for i in range(settings.namespaces):
        yield from workload(namespace_name(i))


def workload(namespace):
    """A StatefulSet at rest, and the claim it left: what is backed up. No node is needed for it."""
    volume = f"{namespace}-data"
    yield {"kind": "PersistentVolume", "apiVersion": "v1", "metadata": {"name": volume},
           "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "",
                    "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": f"/nowhere/{namespace}"},
                    "claimRef": {"namespace": namespace, "name": "data-database-0"}}}
    yield {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": {"name": "data-database-0", "namespace": namespace},
           "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": volume,
                    "resources": {"requests": {"storage": "10Gi"}}}}
    labels = {"app": "database"}
    template = {"metadata": {"labels": labels},
                "spec": {"containers": [{"name": "database", "image": "localhost/postgres:15",
                                         "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteMany"],
                                                    "resources": {"requests": {"storage": "10Gi"}}}}
    yield {"kind": "StatefulSet", "apiVersion": "apps/v1", "metadata": {"name": "database", "namespace": namespace},
           "spec": {"replicas": 0, "serviceName": "database", "selector": {"matchLabels": labels}, "template": template,
                    "volumeClaimTemplates": [claim]}}


def backups(settings):
    """Finished ones, the newest an hour old: what a policy's history looks like after a few nights."""
    each = settings.backups // settings.policies
    for i in range(settings.backups):
        of_policy, age = i % settings.policies, i // settings.policies
        namespace = namespace_name(of_policy % settings.namespaces)
        number = of_policy // settings.namespaces
        yield finished(namespace, policy_name(number), number % (settings.repositories // settings.namespaces), each - age)


def finished(namespace, policy_name_, repository_number, hours):
    ended = now() - datetime.timedelta(hours=hours)
    name = f"{policy_name_}-nightly-{ended:%Y%m%d-%H%M}"
    text = "1 volume, 1.4 GiB, of which 38.0 MiB are new in the repository"
    job = f"{name}-data-database-0"
    return {"kind": "Backup", "apiVersion": "holdfast.dev/v1alpha1",
            "metadata": {"name": name, "namespace": namespace,
                         "labels": {"app.kubernetes.io/managed-by": "holdfast", "holdfast.dev/policy": policy_name_,
                                    "holdfast.dev/schedule": "nightly"}},
            "spec": {"policy": policy_name_, "type": "Incremental"},
            "status": {
                "observedGeneration": 1, "phase": "Succeeded", "repository": f"offsite-{repository_number}",
                "startTime": stamp(ended - datetime.timedelta(seconds=40)), "completionTime": stamp(ended), "duration": "40s",
                "progress": "100%", "throughput": "35.8 MiB/s", "files": 1480, "bytes": 1_500_000_000, "size": "1.4 GiB",
                "bytesRead": 1_500_000_000, "bytesAdded": 39_845_888, "added": "38.0 MiB", "unreadable": 0,
                "conditions": [condition("Ready", "True", "Succeeded", text)],
                "volumes": [{"claim": "data-database-0", "pod": "database-0", "node": "node-17", "job": job,
                             "state": "Succeeded", "progress": "100%", "snapshot": digest(name + namespace),
                             "parent": digest(name), "files": 1480, "bytes": 1_500_000_000, "bytesRead": 1_500_000_000,
                             "bytesAdded": 39_845_888, "unreadable": 0, "attempts": 1}]}}


def backup(namespace, name, policy_name_):
    return {"kind": "Backup", "apiVersion": "holdfast.dev/v1alpha1", "metadata": {"name": name, "namespace": namespace},
            "spec": {"policy": policy_name_, "type": "Incremental"}}


def condition(kind, status, reason, message):
    return {"type": kind, "status": status, "observedGeneration": 1, "lastTransitionTime": stamp(now()), "reason": reason,
            "message": message}


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
