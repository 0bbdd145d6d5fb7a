"""The cluster's certificate authority, its certificates and the kubeconfigs that hold them."""

import base64
import json

from .process import run

DAYS = "365"


def create(cluster):
    cluster.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
    _authority(cluster)
    service_names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc",
                     "kubernetes.default.svc.cluster.local", "localhost"]
    _certificate(cluster, "apiserver", "kube-apiserver", names=service_names,
                 addresses=[cluster.host, cluster.api_service, cluster.loopback, "127.0.0.1"])
    _certificate(cluster, "apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters")
    _certificate(cluster, "etcd", "etcd", names=["localhost"], addresses=[cluster.loopback])
    _certificate(cluster, "admin", "kubernetes-admin", "system:masters")
    _certificate(cluster, "controller-manager", "system:kube-controller-manager")
    _certificate(cluster, "scheduler", "system:kube-scheduler")
    _certificate(cluster, "proxy", "system:kube-proxy")
    _certificate(cluster, "s3", "s3", names=["localhost"], addresses=[cluster.host, "127.0.0.1"])
    for node in cluster.nodes:
        _certificate(cluster, node.name, f"system:node:{node.name}", "system:nodes",
                     names=[node.name], addresses=[node.address])
    _key(cluster, "service-account")
    _openssl("pkey", "-in", cluster.pki / "service-account.key", "-pubout", "-out", cluster.pki / "service-account.pub")


def kubeconfig(cluster, name, target):
    """Writes a kubeconfig with everything inside, so that it may be copied."""
    def inline(file):
        return base64.b64encode((cluster.pki / file).read_bytes()).decode()

    # A kubeconfig may be JSON, which is YAML, and needs no library to write.
    context = f"holdfast-{cluster.name}"
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": context,
        "clusters": [{"name": context, "cluster": {
            "server": cluster.api_url, "certificate-authority-data": inline("ca.crt")}}],
        "users": [{"name": name, "user": {
            "client-certificate-data": inline(f"{name}.crt"), "client-key-data": inline(f"{name}.key")}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": name}}],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(json.dumps(config, indent=1) + "\n")


def _openssl(*arguments):
    return run("making certificates", "openssl", *arguments)


def _key(cluster, name):
    # P-256: a key in a millisecond, where RSA takes a hundred.
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", cluster.pki / f"{name}.key")


def _authority(cluster):
    _key(cluster, "ca")
    _openssl("req", "-x509", "-new", "-key", cluster.pki / "ca.key", "-days", DAYS, "-out", cluster.pki / "ca.crt",
             "-subj", f"/CN=holdfast-{cluster.name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def _certificate(cluster, name, common_name, organization=None, names=(), addresses=()):
    _key(cluster, name)
    subject = (f"/O={organization}" if organization else "") + f"/CN={common_name}"
    request = _openssl("req", "-new", "-key", cluster.pki / f"{name}.key", "-subj", subject)
    alternatives = [f"DNS:{n}" for n in names] + [f"IP:{a}" for a in addresses]
    extensions = "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n"
    if alternatives:
        extensions += f"subjectAltName={','.join(alternatives)}\n"
    extension_file = cluster.pki / f"{name}.ext"
    extension_file.write_text(extensions)
    run("making certificates", "openssl", "x509", "-req", "-CA", cluster.pki / "ca.crt", "-CAkey", cluster.pki / "ca.key",
        "-days", DAYS, "-extfile", extension_file, "-out", cluster.pki / f"{name}.crt", stdin=request)
    extension_file.unlink()
