"""nginx/self-signed.sh, the certificate of a first start, read by openssl."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.harness.stores import REPOSITORY, bare_environment

SCRIPT = REPOSITORY / "nginx/self-signed.sh"
CERTIFICATE, KEY = "fullchain.pem", "privkey.pem"
IPV6 = "IP Address:2001:DB8:0:0:0:0:0:1"


def make(
    folder: Path, public_url: str | None = None, *, umask: int = 0o022
) -> subprocess.CompletedProcess[str]:
    given = {} if public_url is None else {"PUBLIC_URL": public_url}
    return subprocess.run(
        ["sh", os.fspath(SCRIPT), os.fspath(folder)],
        env=bare_environment() | given,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )


def openssl(*arguments: str | Path) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout


def names(folder: Path) -> list[str]:
    told = openssl("x509", "-in", folder / CERTIFICATE, "-noout", "-ext", "subjectAltName")
    return re.findall(r"(?:DNS|IP Address):[^,\s]+", told)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize(
    ("public_url", "name"),
    [
        ("https://taskflow.example.com", "DNS:taskflow.example.com"),
        ("https://taskflow.example.com:8443/path?a=b#c", "DNS:taskflow.example.com"),
        ("https://user:secret@taskflow.example.com/", "DNS:taskflow.example.com"),
        ("https://10.example.com", "DNS:10.example.com"),
        ("https://192.0.2.10", "IP Address:192.0.2.10"),
        ("https://192.0.2.10:8443/", "IP Address:192.0.2.10"),
        ("https://[2001:db8::1]", IPV6),
        ("https://[2001:db8::1]:8443/path", IPV6),
        ("https://localhost", "DNS:localhost"),
    ],
)
def test_it_is_for_localhost_and_the_host_of_public_url(tmp_path: Path, public_url: str, name: str) -> None:
    made = make(tmp_path, public_url)
    assert made.returncode == 0, made.stderr
    assert set(names(tmp_path)) == {"DNS:localhost", name}


def test_without_public_url_it_is_for_localhost(tmp_path: Path) -> None:
    for number, public_url in enumerate((None, "")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert make(folder, public_url).returncode == 0
        assert set(names(folder)) == {"DNS:localhost"}


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    made = make(tmp_path, umask=0)
    assert made.returncode == 0, made.stderr
    assert {file.name: mode(file) for file in tmp_path.iterdir()} == {CERTIFICATE: 0o644, KEY: 0o600}
    for name in (CERTIFICATE, KEY):  # whoever owns the folder can replace them
        assert (tmp_path / name).stat().st_uid == tmp_path.stat().st_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away, as the container does")
def test_they_belong_to_who_owns_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 4321, 1234)
    assert make(tmp_path).returncode == 0
    for name in (CERTIFICATE, KEY):
        made = (tmp_path / name).stat()
        assert (made.st_uid, made.st_gid) == (4321, 1234)


def test_the_key_is_the_certificates(tmp_path: Path) -> None:
    make(tmp_path)
    certificate = openssl("x509", "-in", tmp_path / CERTIFICATE, "-noout", "-pubkey")
    assert certificate == openssl("pkey", "-in", tmp_path / KEY, "-pubout")
    assert "P-256" in openssl("x509", "-in", tmp_path / CERTIFICATE, "-noout", "-text")
    openssl("x509", "-in", tmp_path / CERTIFICATE, "-noout", "-checkend", str(360 * 24 * 3600))
    openssl("verify", "-CAfile", tmp_path / CERTIFICATE, tmp_path / CERTIFICATE)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    for name in (CERTIFICATE, KEY):
        (tmp_path / name).write_text("an operator's own")
    assert make(tmp_path).returncode == 0
    assert {file.read_text() for file in tmp_path.iterdir()} == {"an operator's own"}
    for name, other in ((CERTIFICATE, KEY), (KEY, CERTIFICATE)):
        (tmp_path / name).unlink()
        refused = make(tmp_path)
        assert refused.returncode == 1
        assert f"nginx/certs holds {other} but not the other" in refused.stderr
        assert [file.name for file in tmp_path.iterdir()] == [other]
        (tmp_path / name).write_text("an operator's own")


def test_a_host_that_no_certificate_takes_is_told_of(tmp_path: Path) -> None:
    refused = make(tmp_path, "https://999.999.999.999")
    assert refused.returncode == 1
    assert "PUBLIC_URL names 999.999.999.999" in refused.stderr
    assert "bad ip address" in refused.stderr  # openssl's own words
    assert list(tmp_path.iterdir()) == []
