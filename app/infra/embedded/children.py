"""Starts servers as children that cannot outlive this process, and never as root where they refuse that."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from app.infra.embedded.errors import EmbeddedError
from app.infra.processes import call, die_with_parent, libc

# <linux/prctl.h>, <linux/sched.h>, <linux/capability.h>
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_UNPRIVILEGED_ID = 1000


class Identity(Enum):
    """As whom a server that refuses root runs."""

    OWN = "the user of this process"
    USER_NAMESPACE = "an ordinary user of a namespace of its own, which is root outside"
    NOBODY = "the user nobody"


def choose_identity() -> Identity:
    """OWN unless this process is root; then a user namespace where one is allowed (Docker refuses it)."""
    if os.geteuid() != 0:
        return Identity.OWN
    return Identity.USER_NAMESPACE if _works_in_child(_enter_user_namespace) else Identity.NOBODY


def hand_over(folder: Path, identity: Identity) -> None:
    """Gives a folder and what is in it to the user that the server runs as."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam("nobody") if identity is Identity.NOBODY else pwd.getpwuid(0)
    if folder.stat().st_uid == user.pw_uid:
        return
    for parent, _, files in os.walk(folder):
        for path in (Path(parent), *(Path(parent, name) for name in files)):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def start_child(
    command: Sequence[str | Path],
    *,
    log: Path,
    identity: Identity = Identity.OWN,
    death_signal: signal.Signals,
) -> subprocess.Popen[bytes]:
    """
    Starts a server in a session of its own (a terminal's Ctrl-C and hangup go to this process alone, which
    then stops it in order). The kernel sends it `death_signal` when the thread that called this function
    ends, so call it from the main thread.
    """
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - programs of installed packages
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_preparation(identity, death_signal),
        )


def run_to_end(command: Sequence[str | Path], *, identity: Identity, text: str = "") -> None:
    """Runs a program with `text` as its input. Raises EmbeddedError with its words when it fails."""
    process = subprocess.Popen(  # noqa: S603 - programs of installed packages
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_preparation(identity, signal.SIGKILL),
    )
    output, _ = process.communicate(text)
    if process.returncode != 0:
        raise EmbeddedError(f"{Path(command[0]).name} failed:\n{output.strip()}")


def stop_child(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Sends each signal in turn and waits its seconds, until the process has ended."""
    for sign, seconds in steps:
        if process.poll() is not None:
            return
        process.send_signal(sign)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def end_leftover(pid: int, folder: Path, sign: signal.Signals, *, seconds: float = 120.0) -> None:
    """
    Ends a server that a killed parent left in `folder` and that is still shutting down. Call it with the lock
    of the data folder, so that the server cannot be anybody's. Raises EmbeddedError when it does not end.
    """
    deadline = time.monotonic() + seconds
    while _works_in(pid, folder):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"An earlier server (process {pid}) in {folder} does not end; stop it.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)
        time.sleep(0.05)


def log_tail(log: Path, lines: int = 8) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _works_in(pid: int, folder: Path) -> bool:
    """Whether a process has that working folder, as both servers have where their data is."""
    process = Path(f"/proc/{pid}")
    try:
        return (process / "cwd").resolve(strict=True) == folder.resolve()
    except PermissionError:
        # Another user's, and root may lack CAP_SYS_PTRACE: its arguments, which everybody may read, name it.
        return os.fsencode(folder) in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _preparation(identity: Identity, death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    become = {
        Identity.OWN: lambda: None,
        Identity.USER_NAMESPACE: _enter_user_namespace,
        Identity.NOBODY: _become_nobody,
    }[identity]

    def prepare() -> None:
        become()
        # After the change of credentials, which clears it (prctl(2), PR_SET_PDEATHSIG).
        die_with_parent(parent, death_signal)

    return prepare


def _enter_user_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    call(libc.unshare, _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_UNPRIVILEGED_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_UNPRIVILEGED_ID} {group} 1")


def _become_nobody() -> None:
    """Changes to the user nobody, who may still pass the folders above the data (such as a closed /root)."""
    user = pwd.getpwnam("nobody")
    call(libc.prctl, _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    mask = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted and inheritable of the capabilities 0 to 31, then of 32 to 63
    capabilities = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    # A container may have dropped this capability from root itself; then the folders have to be open.
    with contextlib.suppress(OSError):
        call(libc.capset, header, capabilities)
        call(libc.prctl, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _works_in_child(action: Callable[[], None]) -> bool:
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        try:
            action()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
