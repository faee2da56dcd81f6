from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_SCHEMES = ("postgresql", "postgres")
_PARAMETERS = ("host", "port", "user", "password", "dbname", "sslmode")
_SPECIAL_CHARACTERS = (
    "in a URL write '@' as %40, '/' as %2F, ':' as %3A and '%' as %25, or leave the password out of it "
    "and set DB_PASSWORD"
)


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a PostgreSQL database is. `host` is a name, an address or the folder of a unix socket."""

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    database: str
    sslmode: SslMode = "prefer"
    pooled: bool = False
    """Whether a pooler is there that hands out its connections for one transaction at a time."""

    @property
    def is_socket(self) -> bool:
        return self.host.startswith("/")

    def url(self, *, masked: bool = False) -> str:
        """The libpq URL of this address; `masked` writes the password as `***`."""
        password = "***" if masked and self.password else quote(self.password or "", safe="*")
        account = quote(self.user, safe="") + (f":{password}" if self.password else "")
        parameters: dict[str, str] = {} if self.sslmode == "prefer" else {"sslmode": self.sslmode}
        if self.is_socket:
            place = ""
            parameters = {"host": self.host, "port": str(self.port), **parameters}
        else:
            place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        query = f"?{urlencode(parameters, safe='/')}" if parameters else ""
        return f"postgresql://{account}@{place}/{quote(self.database, safe='')}{query}"


def parse_database_url(url: str, *, user: str, password: str | None, database: str) -> DatabaseAddress:
    """
    Reads a libpq connection URL (PostgreSQL manual, 34.1.1.2); `user`, `password` and `database` fill what it
    leaves out.

    Raises ValueError whose message never contains the URL, since that may hold a password.
    """
    parts = _split(url)
    account, _, place = parts.netloc.rpartition("@")
    url_user, has_password, url_password = account.partition(":")
    host, port = _host_and_port(place)
    parameters = _parameters(parts.query)
    host = parameters.get("host") or host
    if not host:
        raise ValueError("names no host")
    if "," in host:
        raise ValueError("names several hosts; TaskFlow connects to one")
    return DatabaseAddress(
        host=host,
        port=_port(parameters.get("port") or port or "5432"),
        user=parameters.get("user") or unquote(url_user) or user,
        password=parameters.get("password") or (unquote(url_password) if has_password else None) or password,
        database=parameters.get("dbname") or _database(parts.path) or database,
        sslmode=_sslmode(parameters.get("sslmode", "prefer")),
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"is not a URL; {_SPECIAL_CHARACTERS}") from error
    if parts.scheme not in _SCHEMES:
        raise ValueError("does not begin with postgresql:// or postgres://")
    if parts.fragment:
        raise ValueError(f"holds a '#'; write it as %23; {_SPECIAL_CHARACTERS}")
    return parts


def _host_and_port(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, closed, port = place[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError("holds an IPv6 address whose brackets do not match")
        return host, port[1:]
    host, _, port = place.partition(":")
    return unquote(host), port


def _parameters(query: str) -> dict[str, str]:
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(parameters) - set(_PARAMETERS))
    if unknown:
        raise ValueError(f"has an unknown parameter {unknown[0]!r}; known are {', '.join(_PARAMETERS)}")
    return parameters


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise ValueError(f"has a port that is not a number from 1 to 65535; {_SPECIAL_CHARACTERS}")
    return int(text)


def _database(path: str) -> str:
    name = unquote(path[1:])
    if "/" in path[1:]:
        raise ValueError(f"has more than one '/' after the host; {_SPECIAL_CHARACTERS}")
    return name


def _sslmode(text: str) -> SslMode:
    for mode in get_args(SslMode):
        if text == mode:
            known: SslMode = mode
            return known
    raise ValueError(f"has sslmode={text!r}; known are {', '.join(get_args(SslMode))}")
