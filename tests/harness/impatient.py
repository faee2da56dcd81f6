"""`taskflow` with short waits for clients, so that tests need not wait as long as the real ones.

The processes that it spawns import this module too, before anything else of the app.
"""

import sys
from datetime import timedelta

from app.cli import main
from app.web import graphql_ws, http_protocol

graphql_ws.IDLE_TIMEOUT = timedelta(seconds=2)  # type: ignore[misc]  # Final for the app's own code
graphql_ws.INIT_TIMEOUT = timedelta(seconds=1)  # type: ignore[misc]
http_protocol.WRITE_TIMEOUT = 2.0  # type: ignore[misc]

if __name__ == "__main__":
    sys.exit(main())
