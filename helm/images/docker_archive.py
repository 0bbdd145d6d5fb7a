"""Writes folders as an image: a docker-archive tar of one layer each, from the standard library alone.

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


def write(roots, target, names, config, architecture="amd64"):
    """Writes the image of the trees `roots`, the lowest layer first, to `target`. `config` is the OCI image's
    (Entrypoint, Cmd, Env, User, ...); a mode of a tree counts, its owners do not. Images whose lowest layers
    hold the same files share them wherever they are stored."""
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    layer_files = [target.with_suffix(f".layer{i}") for i in range(len(roots))]
    layers = [_write_layer(root, file) for root, file in zip(roots, layer_files)]
    description = json.dumps({
        "architecture": architecture, "os": "linux", "created": "1980-01-01T00:00:00Z", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}" for layer in layers]},
        "history": [{"created": "1980-01-01T00:00:00Z", "created_by": "docker_archive.py"} for _ in layers],
    }, sort_keys=True).encode()
    description_name = hashlib.sha256(description).hexdigest() + ".json"
    manifest = json.dumps([{"Config": description_name, "RepoTags": names,
                            "Layers": [f"{layer}/layer.tar" for layer in layers]}]).encode()
    unfinished = target.with_suffix(".new")
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add_bytes(archive, "manifest.json", manifest)
        _add_bytes(archive, description_name, description)
        for layer, file in zip(layers, layer_files):
            _add_file(archive, f"{layer}/layer.tar", file)
            file.unlink()
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
    """Returns its digest."""
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
    with open(target, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
