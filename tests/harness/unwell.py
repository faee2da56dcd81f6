"""`taskflow` whose workers fall ill when they are told to, and whose supervisor is quick to notice.

SIGUSR1 makes a worker's event loop hang. While the file that CRASH_WHILE names is there, none gets beyond its
start.
"""

import os
import signal
import sys
import time
from pathlib import Path

from app.cli import main
from app.web import supervisor

supervisor._HEALTH_CHECK_SECONDS = 3
supervisor._END_SECONDS = 1

if __name__ == "__mp_main__":
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(3600))
    if Path(os.environ["CRASH_WHILE"]).exists():
        os._exit(1)

if __name__ == "__main__":
    sys.exit(main())
