"""An S3 server (versitygw over a folder) on the bridge, for the host and the pods alike."""

import hashlib
import json
import os
import secrets
import shlex

from . import tools
from .errors import StepError
from .process import Daemon, run, wait_until

BUCKET = "holdfast"
REGION = "us-east-1"
_PORT = 9000


def up(cluster):
    daemon = Daemon(cluster, "s3")
    if not daemon.running():
        keys = _credentials(cluster)
        folder = cluster.folder / "s3"
        # The server refuses a name that starts with the other's.
        versions = cluster.folder / "versions-of-s3"
        users = cluster.folder / "users-of-s3"
        for each in (folder, versions, users):
            each.mkdir(exist_ok=True)
        daemon.start([tools.path("versitygw"), f"--port={cluster.host}:{_PORT}", f"--region={REGION}", "--quiet",
                      f"--cert={cluster.pki}/s3.crt", f"--key={cluster.pki}/s3.key", "--health=/health",
                      f"--iam-dir={users}", "--iam-cache-disable", "posix", "--versioning-dir", versions, folder],
                     env={"ROOT_ACCESS_KEY_ID": keys["access"], "ROOT_SECRET_ACCESS_KEY": keys["secret"]})
        wait_until("starting the S3 server", 20, lambda: _curl(cluster, "/health") is not None, daemon.log, [daemon])
    if not (cluster.folder / "s3" / BUCKET).exists():
        make_bucket(cluster, BUCKET)


def down(cluster):
    """Stops the server. Its data stays for the next `s3 up`; `down` removes it."""
    Daemon(cluster, "s3").stop()


def make_bucket(cluster, name, object_lock=False):
    """With `object_lock` it keeps versions and holds what it is told to."""
    lock = ["--header", "x-amz-bucket-object-lock-enabled: true"] if object_lock else []
    # S3 wants the body's hash among the signed headers; curl only adds it since 8.0.
    _curl(cluster, f"/{name}", "--request", "PUT", "--header", f"x-amz-content-sha256: {hashlib.sha256().hexdigest()}", *lock)


def make_keys(cluster):
    """Prints a pair of keys beside the first, which reaches every bucket until it is revoked."""
    keys = _new_keys()
    _administer(cluster, "create-user", "--access", keys["access"], "--secret", keys["secret"], "--role", "admin")
    _print_keys(keys)


def revoke_keys(cluster, access):
    """The pair of make_keys with that access key is refused from now on."""
    _administer(cluster, "delete-user", "--access", access)


def print_env(cluster):
    if not Daemon(cluster, "s3").running():
        raise StepError("reading the S3 settings", f"the server is not up; start it with: cluster --name {cluster.name} s3 up")
    for name, value in (("S3_ENDPOINT", _url(cluster)), ("S3_BUCKET", BUCKET), ("S3_REGION", REGION),
                        ("S3_CA_FILE", cluster.pki / "ca.crt")):
        print(f"export {name}={shlex.quote(str(value))}")
    _print_keys(_credentials(cluster))


def _print_keys(keys):
    print(f"export AWS_ACCESS_KEY_ID={keys['access']}\nexport AWS_SECRET_ACCESS_KEY={keys['secret']}")


def _url(cluster):
    return f"https://{cluster.host}:{_PORT}"


def _credentials(cluster):
    file = cluster.folder / "s3.json"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(json.dumps(_new_keys()))
    return json.loads(file.read_text())


def _new_keys():
    return {"access": "HF" + secrets.token_hex(9).upper(), "secret": secrets.token_hex(20)}


def _administer(cluster, *arguments):
    keys = _credentials(cluster)
    run(f"asking the S3 server to {arguments[0]}", tools.path("versitygw"), "admin", *arguments,
        env={**os.environ, "ADMIN_ENDPOINT_URL": _url(cluster), "ADMIN_REGION": REGION, "SSL_CERT_FILE": str(cluster.pki / "ca.crt"),
             "ADMIN_ACCESS_KEY_ID": keys["access"], "ADMIN_SECRET_ACCESS_KEY": keys["secret"]})


def _curl(cluster, path, *arguments):
    keys = _credentials(cluster)
    # The credentials go by standard input: everybody can read a command line.
    return run(f"asking the S3 server for {path}", "curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "10",
               "--cacert", cluster.pki / "ca.crt", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--config", "-", *arguments,
               _url(cluster) + path, stdin=f"user = \"{keys['access']}:{keys['secret']}\"\n")
