"""The real nginx with the production file, on ports of its own."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.harness.dns import NameServer
from tests.harness.processes import spawn, stop
from tests.harness.server import free_port
from tests.harness.stores import REPOSITORY

FOLDER = REPOSITORY / "nginx"
NAMES_VALID = 1
"""Seconds for which each of its processes goes by what it was last told of names."""


@dataclass
class Nginx:
    """nginx/nginx.conf; only the files of nginx/taskflow, the place's own, differ.

    `port` is the one that the replicas listen on; `changes` replaces text of the production file.
    """

    folder: Path
    names: NameServer
    port: int
    changes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        self.http_port, self.https_port, self.local_port = free_port(), free_port(), free_port()
        self._log = self.folder / "nginx.log"
        self._configure()
        self._process = spawn(self._command(), log=self._log)
        self._wait_until_it_listens()

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def https_url(self) -> str:
        return f"https://localhost:{self.https_port}"

    @property
    def local_url(self) -> str:
        return f"http://127.0.0.1:{self.local_port}"

    @property
    def websocket_url(self) -> str:
        return f"wss://localhost:{self.https_port}/graphql"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def tls(self) -> ssl.SSLContext:
        """Trusts the certificate that self-signed.sh made, and no other."""
        return ssl.create_default_context(cafile=self.folder / "certs" / "fullchain.pem")

    def client(self, *, source: str = "127.0.0.1") -> httpx.AsyncClient:
        """Over HTTPS, from the address `source` (any of 127.0.0.0/8)."""
        transport = httpx.AsyncHTTPTransport(verify=self.tls(), local_address=source)
        return httpx.AsyncClient(base_url=self.https_url, transport=transport, timeout=30)

    def entries(self) -> list[dict[str, Any]]:
        """The access log, of requests that are over."""
        return [json.loads(line) for line in self.log.splitlines() if line.endswith("}")]

    def entry(self, request_id: str | None) -> dict[str, Any]:
        """The line of one request, which nginx may write after its client has the answer."""
        deadline = time.monotonic() + 10
        while True:
            found = [entry for entry in self.entries() if entry["request_id"] == request_id]
            if found:
                return found[0]
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return set(map(int, children.split()))

    def reload(self) -> None:
        """Returns when new workers have started."""
        before = self.workers()
        self._process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while not self.workers() - before:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        stop(self._process)
        self.names.stop()

    def _configure(self) -> None:
        text = (FOLDER / "nginx.conf").read_text()
        for old, new in self.changes:
            assert old in text, old
            text = text.replace(old, new)
        (self.folder / "nginx.conf").write_text(text)
        place, certs = self.folder / "taskflow", self.folder / "certs"
        place.mkdir()
        certs.mkdir()
        (self.folder / "certbot").mkdir()
        (place / "dns.conf").write_text(
            f"resolver {self.names.address} valid={NAMES_VALID}s ipv6=off;\nresolver_timeout 2s;\n"
            f'map "" $replicas {{ default app:{self.port}; }}\n'
            f"client_body_temp_path {self.folder}/body;\nproxy_temp_path {self.folder}/proxy;\n"
        )
        (place / "listen-redirect.conf").write_text(f"listen {self.http_port} default_server;\n")
        (place / "listen.conf").write_text(
            f"listen {self.https_port} ssl http2 default_server;\nlisten {self.local_port} default_server;\n"
        )
        subprocess.run([FOLDER / "self-signed.sh", certs], check=True, capture_output=True)

    def _command(self) -> list[str]:
        nginx = shutil.which("nginx")
        assert nginx is not None
        # Its workers would otherwise be another user, who may not enter a test's folder.
        own_user = "user root; " if os.geteuid() == 0 else ""
        directives = f"{own_user}daemon off; pid {self.folder}/nginx.pid;"
        return [nginx, "-p", f"{self.folder}/", "-c", f"{self.folder}/nginx.conf", "-g", directives]

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            assert self._process.poll() is None, self.log
            try:
                httpx.get(self.http_url)
            except httpx.TransportError:
                assert time.monotonic() < deadline, self.log
                time.sleep(0.02)
            else:
                return
