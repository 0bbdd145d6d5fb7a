"""The images that the cluster itself and its tests need, made from files of this machine."""

import concurrent.futures
import fcntl
import hashlib
import json
import pathlib
import sys
import tempfile

from . import layout, tools
from .errors import StepError
from .process import run

sys.path.insert(0, str(layout.REPOSITORY / "helm/images"))
import docker_archive  # noqa: E402  (the product's own way to make images)
import rootfs  # noqa: E402

SYSTEM = ["pause", "busybox", "coredns", "local-path-provisioner"]
_TESTS = layout.HERE / "images"


def build(name):
    """Makes the image of images/<name>/ unless the cache has it; returns its archive.

    image.json has the names and the config; `copy` (target: origin), `programs` (with
    their libraries) and `folders` (that anybody may write to) fill the image, and then
    an executable `fill`, given the root folder, does the rest.
    """
    source = _TESTS / name
    description = json.loads((source / "image.json").read_text())
    copies = {target: _resolve(origin) for target, origin in description.get("copy", {}).items()}
    copies |= {program: pathlib.Path(program) for program in description.get("programs", [])}
    archive = layout.CACHE / "images" / f"{name}-{_hash(source, copies)}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with open(archive.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=archive.parent, prefix=f"{name}.") as folder:
                root = pathlib.Path(folder) / "root"
                root.mkdir()
                _fill(source, description, copies, root)
                docker_archive.write([root], archive, description["names"], description["config"])
    return archive


def _resolve(origin):
    """"tool:coredns" is a program of tools/, anything else a file of the machine."""
    return tools.path(origin.removeprefix("tool:")) if origin.startswith("tool:") else pathlib.Path(origin)


def _hash(source, copies):
    digest = hashlib.sha256()
    for file in [*sorted(source.iterdir()), *map(pathlib.Path, (docker_archive.__file__, rootfs.__file__))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    for target, origin in sorted(copies.items()):
        stat = origin.stat()
        digest.update(f"{target} {origin} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:12]


def _fill(source, description, copies, root):
    for target, origin in copies.items():
        rootfs.add_program(root, origin, target)
    if (source / "fill").exists():
        run(f"filling the image {source.name}", source / "fill", root)
    for folder in description.get("folders", []):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(0o1777)  # for whatever user a pod runs as


def find(word):
    """The archive that `word` means: a file, a built product image, or a test image."""
    file = pathlib.Path(word)
    if file.is_file():
        return file
    product = layout.REPOSITORY / "build/images" / f"{word}.tar"
    if product.is_file():
        return product
    if (_TESTS / word / "image.json").is_file():
        return build(word)
    known = sorted(folder.name for folder in _TESTS.iterdir() if folder.is_dir())
    raise StepError(f"looking for the image {word}", f"no such file, no {product}, and none of {', '.join(known)}")


def load(nodes, archives):
    """Imports the archives into every node, the nodes side by side."""
    def load_into(node):
        for archive in archives:
            run(f"loading {archive} into {node.name}", "ctr", "--address", node.containerd_socket,
                "--namespace=k8s.io", "images", "import", archive)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(load_into, nodes))
