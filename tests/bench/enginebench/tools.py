"""Ours and the peers: how each is told the same work.

All compress with zstd and encrypt, and are asked not to count the work before doing it where they can be asked.
"""

import dataclasses
import os
import pathlib
import shutil
import subprocess

from . import BenchError
from .measure import Command
from .settings import ROOT

PASSWORD = "correct horse battery staple"
RUSTIC_VERSION = "0.11.4"


@dataclasses.dataclass
class Bucket:
    """A place in an S3 server."""
    endpoint: str
    name: str
    prefix: str
    access_key: str
    secret_key: str
    region: str
    folder: pathlib.Path  # where the server keeps it

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, "AWS_REGION": self.region}


@dataclasses.dataclass
class Place:
    """One repository, with the caches that belong to it."""
    folder: pathlib.Path
    bucket: Bucket = None
    snapshots: int = 0
    repository: pathlib.Path = None  # the folder that holds what is stored

    def __post_init__(self):
        if not self.repository:
            self.repository = self.bucket.folder if self.bucket else self.folder / "repository"

    def beside_the_server(self):
        """The same repository, read from where the S3 server keeps it."""
        return dataclasses.replace(self, bucket=None)

    @property
    def cache(self):
        return self.folder / "cache"

    @property
    def password(self):
        return self.folder / "password"

    def make(self):
        self.cache.mkdir(parents=True)
        self.password.write_text(PASSWORD)


class Tool:
    speaks_s3 = keeps_times = True
    slow = False  # with very many files


class Ours(Tool):
    name = saves_as = "ours"
    verifies = False  # reads back what it restored

    def install(self):
        self.binary = ROOT / "build/bin/holdfast-mover"
        if not self.binary.exists():
            raise BenchError(f"{self.binary} is missing: make bench builds it")

    def version(self):
        commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], check=False,
                                capture_output=True, text=True).stdout.strip()
        return f"holdfast {(ROOT / 'VERSION').read_text().strip()} {commit}".strip()

    def init(self, place):
        return self.command(place, "init")

    def backup(self, place, source):
        return self.command(place, "backup", source)

    def restore(self, place, source, target):
        flag = "--verify" if self.verifies else "--no-verify"
        return self.command(place, "restore", f"latest:{source}", "--target", target, flag)

    def restored(self, _source, target):
        """Where the source's content lies after a restore."""
        return target

    def command(self, place, verb, *words):
        environment = place.bucket.environment() if place.bucket else {}
        return Command([self.binary, verb, "--quiet", "--repo", _restic_location(place), "--password-file", place.password,
                        *words], environment)


class OursVerified(Ours):
    """The same restore as it is by default."""
    name = "ours, verified"
    verifies = True


class Restic(Tool):
    name = saves_as = "restic"

    def install(self):
        self.binary = _find("restic", os.environ.get("HOLDFAST_BENCH_RESTIC"))
        options = subprocess.run([self.binary, "backup", "--help"], check=True, capture_output=True, text=True).stdout
        self.no_scan = ["--no-scan"] if "--no-scan" in options else []  # from 0.15 on

    def version(self):
        return _first_words([self.binary, "version"], 2)

    def init(self, place):
        return self.command(place, "init")

    def backup(self, place, source):
        return self.command(place, "backup", *self.no_scan, source)

    def restore(self, place, _source, target):
        return self.command(place, "restore", "latest", "--target", target)

    def restored(self, source, target):
        return pathlib.Path(f"{target}{source}")

    def command(self, place, verb, *words):
        environment = place.bucket.environment() if place.bucket else {}
        return Command([self.binary, verb, "--quiet", "--repo", _restic_location(place), "--password-file", place.password,
                        "--cache-dir", place.cache, *words], {"HOME": place.cache, **environment})


class Rustic(Tool):
    name = saves_as = "rustic"
    slow = True

    def install(self):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        root = cache / "holdfast/bench" / f"rustic-{RUSTIC_VERSION}"
        self.binary = root / "bin/rustic"
        if self.binary.exists():
            return
        print(f"building rustic {RUSTIC_VERSION} into {root}; that takes minutes", flush=True)
        cargo = _find("cargo", None, "install Rust 1.91 or newer (rustup.rs)")
        done = subprocess.run([cargo, "install", "rustic-rs", "--version", RUSTIC_VERSION, "--locked",
                               "--no-default-features", "--root", root], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise BenchError(f"cargo could not build rustic: {done.stdout[-2000:]}")

    def version(self):
        return _first_words([self.binary, "--version"], 2)

    def init(self, place):
        return self.command(place, "init")

    def backup(self, place, source):
        return self.command(place, "backup", source)

    def restore(self, place, source, target):
        return self.command(place, "restore", f"latest:{source}", target)

    def restored(self, _source, target):
        return target

    def command(self, place, verb, *words):
        self._write_profile(place)
        return Command([self.binary, "--use-profile", place.folder / "rustic", verb, *words], {"HOME": place.cache})

    def _write_profile(self, place):
        """Options of a repository are read from a file only."""
        bucket = place.bucket
        lines = ["[global]", "no-progress = true", 'log-level = "warn"', "[repository]",
                 f'repository = "{"opendal:s3" if bucket else place.repository}"',
                 f'password-file = "{place.password}"', f'cache-dir = "{place.cache}"']
        if bucket:
            lines += ["[repository.options]", f'endpoint = "{bucket.endpoint}"', f'bucket = "{bucket.name}"',
                      f'root = "/{bucket.prefix}"', f'region = "{bucket.region}"',
                      f'access_key_id = "{bucket.access_key}"', f'secret_access_key = "{bucket.secret_key}"']
        (place.folder / "rustic.toml").write_text("\n".join(lines) + "\n")


class Borg(Tool):
    name = saves_as = "borg"
    speaks_s3 = False
    slow = True

    def install(self):
        self.binary = _find("borg")

    def version(self):
        return _first_words([self.binary, "--version"], 2)

    def init(self, place):
        return self.command(place, place.folder, "init", "--encryption", "repokey", place.repository)

    def backup(self, place, source):
        place.snapshots += 1
        return self.command(place, place.folder, "create", "--compression", "zstd,3", self._archive(place), source)

    def restore(self, place, _source, target):
        return self.command(place, target, "extract", self._archive(place))

    def restored(self, source, target):
        return pathlib.Path(f"{target}{source}")

    def _archive(self, place):
        return f"{place.repository}::{place.snapshots}"

    def command(self, place, folder, *words):
        environment = {"BORG_PASSPHRASE": PASSWORD, "BORG_BASE_DIR": place.cache,
                       "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes", "HOME": place.cache}
        return Command([self.binary, *words], environment, folder)


ALL = {tool.name: tool for tool in (Ours, Restic, Rustic, Borg)}


class Tar(Tool):
    """What creating the files costs at least: the same tree out of an archive neither packed nor sealed."""
    name = saves_as = "tar x"
    keeps_times = False  # whole seconds only

    def version(self):
        return _first_words(["tar", "--version"], 4)

    def init(self, _place):
        return Command(["true"])

    def backup(self, place, source):
        return Command(["tar", "cf", place.repository, "-C", source, "."])

    def restore(self, place, _source, target):
        return Command(["tar", "xf", place.repository, "-C", target])

    def restored(self, _source, target):
        return target


def install(names):
    """The tools that are called so, each ready to run."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise BenchError(f"no tool {unknown[0]}; there are {' '.join(ALL)}")
    chosen = [ALL[name]() for name in ALL if name in names]
    for tool in chosen:
        tool.install()
    return chosen


def beside_restores(chosen):
    """What is measured beside the chosen tools where they restore."""
    verified = OursVerified()
    verified.install()
    return [*([verified] if any(tool.name == "ours" for tool in chosen) else []), Tar()]



def _restic_location(place):
    if place.bucket:
        return f"s3:{place.bucket.endpoint}/{place.bucket.name}/{place.bucket.prefix}"
    return place.repository


def _find(name, chosen=None, advice="tests/setup/install-packages bench installs it"):
    binary = chosen or shutil.which(name)
    if not binary:
        raise BenchError(f"{name} is missing: {advice}")
    return binary


def _first_words(words, count):
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return " ".join(text.split()[:count])
