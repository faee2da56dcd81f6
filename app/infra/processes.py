"""What Linux offers a process beyond the standard library."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def die_with_parent(parent: int, sign: signal.Signals = signal.SIGKILL) -> None:
    """Makes the kernel end this process when its parent (of process id `parent`) ends. Linux only."""
    if sys.platform != "linux":
        return
    call(libc.prctl, _PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
    if os.getppid() != parent:
        # It ended before the kernel was asked.
        os.kill(os.getpid(), sign)


def call(function: Callable[..., int], *arguments: object) -> None:
    """Calls a C function that returns 0 on success. Raises OSError with its errno."""
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
