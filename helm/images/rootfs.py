"""Fills an image's root folder from files of this machine: programs with their libraries."""

import filecmp
import os
import pathlib
import shutil
import subprocess

ZONEINFO = pathlib.Path("/usr/share/zoneinfo")
CA_BUNDLE = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def add_file(root, origin, target=None):
    """Copies one file, by default to its own path; a symbolic link counts as what it points to."""
    place = pathlib.Path(root) / str(target or origin).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(origin, place)
    return place


def add_tree(root, origin, leave_out=()):
    """Copies a folder to its own path, links as links, without the names of leave_out."""
    place = pathlib.Path(root) / str(origin).lstrip("/")
    shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True,
                    ignore=lambda folder, names: set(leave_out) & set(names))
    return place


def add_program(root, origin, target=None):
    """Copies a program or library and, to their own paths, the libraries it is linked with."""
    for library in libraries(origin):
        if not (pathlib.Path(root) / library.lstrip("/")).exists():
            add_file(root, library)
    return add_file(root, origin, target)


def libraries(program):
    """What the loader would load, itself included; nothing for a static program."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if "statically linked" in done.stdout or "not a dynamic executable" in done.stdout:
        return []
    if done.returncode != 0 or "not found" in done.stdout:
        raise OSError(f"ldd {program}: {done.stdout.strip()}")
    # "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x...)", or the loader's bare path.
    words = [line.split("=>")[-1].split() for line in done.stdout.splitlines()]
    return sorted(line[0] for line in words if line and line[0].startswith("/"))


def move_common(base, roots):
    """Moves the files that all of the folders `roots` have, with the same content and mode, into `base`."""
    first = pathlib.Path(roots[0])
    for place in sorted(path for path in first.rglob("*") if path.is_file() and not path.is_symlink()):
        name = place.relative_to(first)
        copies = [pathlib.Path(root) / name for root in roots]
        if not all(copy.is_file() and filecmp.cmp(place, copy, shallow=False)
                   and copy.stat().st_mode == place.stat().st_mode for copy in copies):
            continue
        target = pathlib.Path(base) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        place.rename(target)
        for copy in copies[1:]:
            copy.unlink()


def strip(place):
    subprocess.run(["strip", "--strip-unneeded", place], check=True)


def add_time_zones(root):
    # posix/ and right/ repeat every zone; the last two only serve the compiler.
    add_tree(root, ZONEINFO, leave_out=["posix", "right", "posixrules", "localtime"])


def add_certificates(root):
    add_file(root, CA_BUNDLE)


def add_users(root, **users):
    """Writes /etc/passwd and /etc/group for name=id, beside root."""
    ids = {"root": 0, **users}
    etc = pathlib.Path(root) / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    etc.joinpath("passwd").write_text("".join(f"{name}:x:{i}:{i}::/tmp:/bin/sh\n" for name, i in ids.items()))
    etc.joinpath("group").write_text("".join(f"{name}:x:{i}:\n" for name, i in ids.items()))
    # Names come from DNS and this file; without the line glibc would not ask DNS first.
    etc.joinpath("nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")


def add_writable_folder(root, path):
    """A folder that any user may write to, like /tmp."""
    place = pathlib.Path(root) / path.lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    os.chmod(place, 0o1777)
