"""Writes a folder as an image: a docker-archive tar of one layer, from the standard library alone.

The same files give the same bytes: entries are sorted, and times and owners are fixed.
`ctr images import`, `docker load`, `podman load` and `skopeo` read the result.
"""

import hashlib
import io
import json
import os
import pathlib
import tarfile

# 1980-01-01, the earliest time that every archive format can hold.
_TIME = 315532800


def write(rootfs, target, names, config, architecture="amd64"):
    """Writes the image of the tree `rootfs` to `target`. `config` is the OCI image's
    (Entrypoint, Cmd, Env, User, ...); a mode of the tree counts, its owners do not."""
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    layer_file = target.with_suffix(".layer")
    _write_layer(rootfs, layer_file)
    with open(layer_file, "rb") as file:
        layer = hashlib.file_digest(file, "sha256").hexdigest()
    description = json.dumps({
        "architecture": architecture, "os": "linux", "created": "1980-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created": "1980-01-01T00:00:00Z", "created_by": "docker_archive.py"}],
    }, sort_keys=True).encode()
    description_name = hashlib.sha256(description).hexdigest() + ".json"
    manifest = json.dumps([{"Config": description_name, "RepoTags": names, "Layers": [f"{layer}/layer.tar"]}]).encode()
    unfinished = target.with_suffix(".new")
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add_bytes(archive, "manifest.json", manifest)
        _add_bytes(archive, description_name, description)
        _add_file(archive, f"{layer}/layer.tar", layer_file)
    layer_file.unlink()
    unfinished.rename(target)


def unpacked_size(rootfs):
    """The bytes of all files, each hard link and symbolic link counted once."""
    seen = {}
    for folder, _, files in os.walk(rootfs):
        for name in files:
            stat = os.lstat(os.path.join(folder, name))
            seen[stat.st_ino] = stat.st_size
    return sum(seen.values())


def _write_layer(rootfs, target):
    paths = []
    for folder, folders, files in os.walk(rootfs):
        paths += [os.path.join(folder, name) for name in folders + files]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as layer:
        for path in sorted(paths):
            entry = layer.gettarinfo(path, os.path.relpath(path, rootfs))
            _make_plain(entry)
            if entry.isreg():
                with open(path, "rb") as file:
                    layer.addfile(entry, file)
            else:
                layer.addfile(entry)


def _make_plain(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = _TIME


def _add_bytes(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), _TIME
    archive.addfile(entry, io.BytesIO(content))


def _add_file(archive, name, path):
    entry = archive.gettarinfo(path, name)
    entry.mode = 0o644
    _make_plain(entry)
    with open(path, "rb") as file:
        archive.addfile(entry, file)
