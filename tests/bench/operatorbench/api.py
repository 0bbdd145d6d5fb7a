"""A client of the API server that is quick at making many objects: raw HTTPS, a connection a thread."""

import base64
import concurrent.futures
import http.client
import json
import os
import socket
import ssl
import tempfile
import threading
import urllib.parse

from . import BenchError

THREADS = 12
GROUP = "/apis/holdfast.dev/v1alpha1"
PLURALS = {"BackupRepository": "backuprepositories", "BackupPolicy": "backuppolicies", "Backup": "backups",
           "StatefulSet": "statefulsets", "Job": "jobs", "Namespace": "namespaces", "Node": "nodes", "Pod": "pods",
           "PersistentVolume": "persistentvolumes", "PersistentVolumeClaim": "persistentvolumeclaims"}


class Refused(BenchError):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:600]}")
        self.status = status


class Api:
    """Safe from many threads."""

    def __init__(self, kubeconfig):
        config = json.loads(kubeconfig.read_text())  # as the test cluster writes it
        where, who = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = where["server"]
        self._tls = ssl.create_default_context(cadata=_pem(where, "certificate-authority"))
        with tempfile.TemporaryDirectory() as folder:
            pair = os.path.join(folder, "pair.pem")
            with open(pair, "w", encoding="ascii") as file:
                file.write(_pem(who, "client-certificate") + "\n" + _pem(who, "client-key"))
            self._tls.load_cert_chain(pair)
        self._address = urllib.parse.urlsplit(self.server)
        self._local = threading.local()

    def call(self, method, path, body=None, content_type="application/json"):
        text = None if body is None else json.dumps(body)
        for attempt in range(2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = http.client.HTTPSConnection(self._address.hostname, self._address.port, context=self._tls,
                                                         timeout=120)
                self._local.connection = connection
            try:
                connection.request(method, path, text, {"Content-Type": content_type})
                answer = connection.getresponse()
                content = answer.read().decode()
                break
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                self._local.connection = None
                if attempt == 1:
                    raise BenchError(f"{method} {path}: {error}") from error
        if answer.status >= 300:
            raise Refused(answer.status, content)
        return content

    def get(self, path):
        return json.loads(self.call("GET", path))

    def list(self, path, selector=""):
        """Every item, page by page."""
        token = ""
        while True:
            query = urllib.parse.urlencode({"limit": 1000, "continue": token, "labelSelector": selector})
            page = self.get(f"{path}?{query}")
            yield from page["items"]
            token = page["metadata"].get("continue", "")
            if not token:
                return

    def create(self, item):
        """Creates it, with its status; one that is there already is left alone."""
        path = collection(item["kind"], item["metadata"].get("namespace"))
        try:
            self.call("POST", path, item)
        except Refused as refused:
            if refused.status != 409:
                raise
            return
        if "status" in item:
            name = item["metadata"]["name"]
            self.call("PATCH", f"{path}/{name}/status", {"status": item["status"]}, "application/merge-patch+json")

    def stream(self, path):
        """A watch on a connection of its own."""
        return Stream(http.client.HTTPSConnection(self._address.hostname, self._address.port, context=self._tls), path)

    def create_all(self, items):
        self.each(self.create, items)

    def each(self, function, items):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(function, items):
                pass


class Stream:
    def __init__(self, connection, path):
        self._connection = connection
        connection.request("GET", path)
        self._answer = connection.getresponse()
        if self._answer.status != 200:
            raise Refused(self._answer.status, self._answer.read().decode())

    def events(self):
        """Each event as it comes, until the end or close()."""
        try:
            for line in self._answer:
                yield json.loads(line)
        except (OSError, ValueError, AttributeError):
            return  # closed under way

    def close(self):
        self._connection.sock.shutdown(socket.SHUT_RDWR)


def collection(kind, namespace=None):
    """The path of a kind's objects: in a namespace, or everywhere."""
    prefix = {"StatefulSet": "/apis/apps/v1", "Job": "/apis/batch/v1"}.get(kind, "/api/v1")
    if kind.startswith("Backup"):
        prefix = GROUP
    return f"{prefix}/namespaces/{namespace}/{PLURALS[kind]}" if namespace else f"{prefix}/{PLURALS[kind]}"


def _pem(config, name):
    return base64.b64decode(config[f"{name}-data"]).decode()
