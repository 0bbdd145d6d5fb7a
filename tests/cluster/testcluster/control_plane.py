"""etcd, the API server, the controller manager and the scheduler, on the host itself."""

import ssl
import urllib.error
import urllib.request

from . import pki, tools
from .errors import StepError
from .process import Daemon, wait_until

NAMES = ["etcd", "apiserver", "controller-manager", "scheduler"]
# Without a node there is nothing to schedule to.
WITHOUT_NODES = NAMES[:3]


def names(cluster):
    return NAMES if cluster.node_count else WITHOUT_NODES


def _start(cluster, name, component, *flags):
    Daemon(cluster, name).start([tools.path("kubernetes"), component, *flags])


def start(cluster, name):
    """Starts one component, and does not wait for it."""
    {"etcd": _start_etcd, "apiserver": _start_api_server,
     "controller-manager": _start_controller_manager, "scheduler": _start_scheduler}[name](cluster)


def _etcd_url(cluster):
    return f"https://{cluster.loopback}:2379"


def _start_etcd(cluster):
    keys = cluster.pki
    etcd, peers = _etcd_url(cluster), f"http://{cluster.loopback}:2380"
    _start(cluster, "etcd", "etcd", "--name=etcd", f"--data-dir={cluster.folder}/etcd",
           f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
           f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=etcd={peers}",
           f"--cert-file={keys}/etcd.crt", f"--key-file={keys}/etcd.key",
           f"--trusted-ca-file={keys}/ca.crt", "--client-cert-auth",
           # A cluster that does not outlive the machine need not survive a power cut.
           "--unsafe-no-fsync", "--log-level=warn")


def _start_api_server(cluster):
    keys, etcd = cluster.pki, _etcd_url(cluster)
    _start(cluster, "apiserver", "kube-apiserver",
           f"--advertise-address={cluster.host}", f"--bind-address={cluster.host}", "--secure-port=6443",
           f"--etcd-servers={etcd}", f"--etcd-cafile={keys}/ca.crt",
           f"--etcd-certfile={keys}/etcd.crt", f"--etcd-keyfile={keys}/etcd.key",
           f"--tls-cert-file={keys}/apiserver.crt", f"--tls-private-key-file={keys}/apiserver.key",
           f"--client-ca-file={keys}/ca.crt",
           f"--kubelet-client-certificate={keys}/apiserver-kubelet.crt",
           f"--kubelet-client-key={keys}/apiserver-kubelet.key", f"--kubelet-certificate-authority={keys}/ca.crt",
           "--kubelet-preferred-address-types=InternalIP",  # nothing resolves the nodes' names
           "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
           f"--service-account-key-file={keys}/service-account.pub",
           f"--service-account-signing-key-file={keys}/service-account.key",
           f"--service-cluster-ip-range={cluster.services}",
           "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true")


def wait_ready(cluster):
    context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
    context.load_cert_chain(cluster.pki / "admin.crt", cluster.pki / "admin.key")

    def ready():
        try:
            with urllib.request.urlopen(f"{cluster.api_url}/readyz", context=context, timeout=2) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            raise StepError("", f"/readyz: {error.read().decode(errors='replace')[-400:]}") from error
        except OSError as error:
            raise StepError("", str(error)) from error

    server = Daemon(cluster, "apiserver")
    wait_until("starting the API server", 60, ready, server.log, alive=[Daemon(cluster, "etcd"), server])


def _controller_flags(cluster, name):
    pki.kubeconfig(cluster, name, cluster.pki / f"{name}.kubeconfig")
    return [f"--kubeconfig={cluster.pki}/{name}.kubeconfig", f"--bind-address={cluster.loopback}",
            # There is only ever one of each, so an election only costs time.
            "--leader-elect=false"]


def _start_controller_manager(cluster):
    keys = cluster.pki
    _start(cluster, "controller-manager", "kube-controller-manager", *_controller_flags(cluster, "controller-manager"),
           f"--root-ca-file={keys}/ca.crt", f"--service-account-private-key-file={keys}/service-account.key",
           f"--cluster-signing-cert-file={keys}/ca.crt", f"--cluster-signing-key-file={keys}/ca.key",
           # Forty controllers that each fetch a token at the default rate take five seconds.
           "--use-service-account-credentials=true", "--kube-api-qps=200", "--kube-api-burst=400")


def _start_scheduler(cluster):
    _start(cluster, "scheduler", "kube-scheduler", *_controller_flags(cluster, "scheduler"))
