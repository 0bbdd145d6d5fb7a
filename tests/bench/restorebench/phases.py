"""What is measured: a whole Restore by its watch, and its parts one by one."""

import concurrent.futures
import shutil
import sys
import threading
import time

from . import BenchError
from .scene import DEADLINE, Namespace, idle_job, restore
from .settings import SLOTS


def volumes(cluster, options, count):
    """A round's figures after the other, in seconds."""
    namespace = Namespace(cluster, f"volumes-{count}", count)
    _say(f"{count} volumes: making and backing up {count} x {options.megabytes} MiB")
    namespace.make(options.megabytes)
    for number in range(options.rounds):
        _say(f"{count} volumes: round {number + 1} of {options.rounds}")
        for pod in namespace.pods():
            namespace.shell(pod, "rm -rf /data/* && sync")
        whole = _restore(namespace, f"round-{number}")
        down = namespace.scale(0)
        figures = {"count": count, "round": number, **whole, "scale_down": down, "scale_up": namespace.scale(count),
                   "pod_start": _pod_starts(namespace, number), "transfer": _transfers(namespace)}
        figures["sum"] = figures["pod_start"] + figures["transfer"] + figures["scale_up"]
        yield figures
    namespace.remove()


def changed(cluster, options):
    """The same volume restored whole, and after 1 % of it changed: what the mover took and fetched."""
    namespace = Namespace(cluster, "changed", 1)
    _say(f"one volume of {options.changed_megabytes} MiB")
    namespace.make(options.changed_megabytes)
    part = max(1, options.changed_megabytes // 400)
    for number in range(options.rounds):
        namespace.shell("app-0", "rm -rf /data/* && sync")
        whole = _restore(namespace, f"whole-{number}")
        for quarter in range(4):
            seek = options.changed_megabytes * (2 * quarter + 1) // 8
            namespace.shell("app-0", f"dd if=/dev/urandom of=/data/big bs=1M seek={seek} count={part} conv=notrunc 2>/dev/null && sync")
        few = _restore(namespace, f"few-{number}")
        yield {"round": number, "changed_megabytes": 4 * part, "whole": whole, "few": few}
    namespace.remove()


def _restore(namespace, name):
    """From `kubectl apply` to verified data, and to a ready StatefulSet."""
    seen = {}
    finished = threading.Event()
    stream = namespace.cluster.api.stream(f"{namespace.path}/restores?watch=1&fieldSelector=metadata.name%3D{name}")

    def follow():
        for event in stream.events():
            status = event["object"].get("status", {})
            states = [volume.get("state") for volume in status.get("volumes", [])]
            if states and all(state == "Succeeded" for state in states):
                seen.setdefault("verified", time.monotonic())
            if status.get("phase") in ("Succeeded", "Failed"):
                seen.update(ready=time.monotonic(), status=status)
                finished.set()
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    began = time.monotonic()
    namespace.apply(restore(name))
    if not finished.wait(DEADLINE):
        raise BenchError(f"Restore {name} of {namespace.name} took longer than {DEADLINE} s")
    stream.close()
    status = seen["status"]
    if status["phase"] != "Succeeded":
        raise BenchError(f"Restore {name} of {namespace.name} failed: {status['conditions']}")
    moved = status["volumes"]
    return {"verified": seen["verified"] - began, "ready": seen["ready"] - began, "estimate": status.get("estimate"),
            "steps": {step["name"]: [step.get("startTime"), step.get("completionTime")] for step in status["steps"]},
            "movers": [volume["bytes"] / max(1, volume.get("bytesPerSecond", 0)) for volume in moved],
            "bytes": sum(volume["bytes"] for volume in moved), "fetched": sum(volume.get("bytesRead", 0) for volume in moved),
            "written": sum(volume.get("bytesWritten", 0) for volume in moved)}


def _pod_starts(namespace, number):
    """As many Jobs as there are volumes, as many at once as there are slots, that do nothing."""
    jobs = f"/apis/batch/v1/namespaces/{namespace.name}/jobs"
    api = namespace.cluster.api

    def one(index):
        name = f"idle-{number}-{index}"
        api.call("POST", jobs, idle_job(name))
        namespace.wait(lambda: api.get(f"{jobs}/{name}").get("status", {}).get("completionTime"), f"Job {name} is complete")

    return _timed(one, range(namespace.count))


def _transfers(namespace):
    """The movers alone, as processes, as many at once as there are slots."""
    folder = namespace.cluster.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    snapshots = [(volume["claim"], volume["snapshot"]) for volume in namespace.backup()["status"]["volumes"]]
    took = _timed(lambda pair: namespace.cluster.restore_by_hand(namespace.name, *pair), snapshots)
    shutil.rmtree(folder)
    return took


def _timed(function, items):
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        for _ in pool.map(function, items):
            pass
    return time.monotonic() - began


def _say(text):
    print(f"-- {text}", file=sys.stderr, flush=True)
