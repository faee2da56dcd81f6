"""The image, built from the Dockerfile without a container engine, and its command run in it.

mmdebstrap makes a Debian with Python in place of the base image, buildah builds on it by chroot(2). The
packages are downloaded beforehand, by pip as it is configured here: nothing of that reaches the image.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.processes import kill, spawn
from tests.harness.stores import REPOSITORY
from tests.harness.taskflow import eventually

BASE = "docker.io/library/python:3.12-slim-bookworm"
TAG = "taskflow/api:latest"
# What the base image has and the server needs.
BASE_PACKAGES = "python3,python3-venv,ca-certificates"
SHARED = "/tmp/shared"
"""Where a process of the image sees a folder that it shares with the test."""


@dataclass
class Image:
    """`root` is its file system, `config` what it tells an engine, `history` what made its layers."""

    root: Path
    config: dict[str, Any]
    history: list[str]

    def command(
        self,
        *arguments: str,
        settings: Mapping[str, str] | None = None,
        shared: Path | None = None,
        user: str | None = None,
    ) -> list[str]:
        """
        Runs `arguments` (else the image's command) as docker-compose.yml does: as `user` (else the image's),
        as process 1, with the image's environment and `settings`, and nothing to write to but /tmp.
        """
        variables = [*self.config["Env"], *(f"{name}={value}" for name, value in (settings or {}).items())]
        run = arguments or tuple(self.config["Cmd"])
        inside = ["env", "-i", "-C", self.config["WorkingDir"], *variables, *run]
        sharing = [f"mkdir {self.root}{SHARED}", f"mount --bind {shared} {self.root}{SHARED}"]
        steps = [
            f"mount --bind {self.root} {self.root}",
            f"mount -t proc proc {self.root}/proc",
            f"mount --rbind /dev {self.root}/dev",
            f"mount -o remount,bind,ro {self.root}",
            f"mount -t tmpfs tmpfs {self.root}/tmp",
            *(sharing if shared else []),
            f"exec chroot --userspec={user or self.config['User']} {self.root} {shlex.join(inside)}",
        ]
        namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        return ["unshare", *namespaces, "sh", "-ec", "\n".join(steps)]

    def run(
        self,
        *arguments: str,
        settings: Mapping[str, str] | None = None,
        shared: Path | None = None,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program of the image to its end."""
        command = self.command(*arguments, settings=settings, shared=shared, user=user)
        return subprocess.run(command, capture_output=True, text=True, timeout=120)


class Container:
    """The image's command, as process 1 of its own."""

    def __init__(self, image: Image, log: Path, settings: Mapping[str, str]) -> None:
        self._log = log
        self._process = spawn(image.command(settings=settings), log=log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """Process 1, as it is known outside."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(eventually(children.read_text).split()[0])

    @property
    def user(self) -> int:
        return Path(f"/proc/{self.pid}").stat().st_uid

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        kill(self._process)


@contextmanager
def built_image(folder: Path) -> Iterator[Image]:
    """Builds the Dockerfile; everything is gone afterwards. Needs root."""
    buildah = [
        *("buildah", "--root", f"{folder}/storage", "--runroot", f"{folder}/run"),
        *("--storage-driver", "overlay"),
    ]
    # In memory: dpkg and buildah wait for the disk at every file.
    _output(["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(folder)])
    try:
        _make_base(buildah)
        _build(buildah, folder)
        container = _output([*buildah, "from", "--pull-never", TAG])
        root = Path(_output([*buildah, "mount", container]))
        described = json.loads(_output([*buildah, "inspect", "--type", "image", TAG]))
        history = [entry.get("created_by", "") for entry in described["Docker"]["history"]]
        yield Image(root, described["Docker"]["config"], history)
    finally:
        subprocess.run([*buildah, "umount", "--all"], capture_output=True, check=False)
        subprocess.run(["umount", "--recursive", folder], capture_output=True, check=False)


def _make_base(buildah: Sequence[str]) -> None:
    container = _output([*buildah, "from", "scratch"])
    root = _output([*buildah, "mount", container])
    _output(["mmdebstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", root])
    _output([*buildah, "umount", container])
    _output([*buildah, "commit", "--quiet", "--rm", container, BASE])


def _build(buildah: Sequence[str], folder: Path) -> None:
    packages, configuration = folder / "packages", folder / "pip.conf"
    _download(packages, folder)
    configuration.write_text("[global]\nno-index = true\nfind-links = /packages\n")
    _output(
        [
            *buildah,
            *("bud", "--isolation", "chroot", "--network", "host", "--format", "docker", "--pull-never"),
            *("--volume", f"{packages}:/packages:ro", "--volume", f"{configuration}:/etc/pip.conf:ro"),
            *("--tag", TAG, str(REPOSITORY)),
        ]
    )


def _download(packages: Path, folder: Path) -> None:
    """All that the two locks name, also what only an older Python than this one needs."""
    requirements = []
    for name in ("build", "production"):
        lock = (REPOSITORY / "locks" / f"{name}.txt").read_text()
        requirements.append(folder / f"{name}.txt")
        requirements[-1].write_text(re.sub(r" ; python_full_version < '3\.[0-9.]+'", "", lock))
    for file in requirements:
        options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--dest", str(packages)]
        _output([sys.executable, "-m", "pip", "--no-input", "download", *options, "--requirement", str(file)])


def _output(command: Sequence[str]) -> str:
    """What a program writes to its output. Raises AssertionError with all its words when it fails."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout.strip()
