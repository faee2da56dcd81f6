"""Files that name the only documents a server runs, as the tools that make them write them."""

from pathlib import Path

import orjson

_APOLLO = "apollo-persisted-query-manifest"


def read_manifest(path: Path) -> dict[str, str]:
    """The documents by their ids. Raises ValueError.

    Reads what graphql-codegen (`persistedDocuments`) and relay-compiler (`persistConfig`) write, an object of
    texts by ids; and Apollo's operation manifest.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({error.strerror})") from None
    except orjson.JSONDecodeError:
        raise ValueError("names a file that is not JSON") from None
    try:
        if content.get("format") == _APOLLO:
            content = {operation["id"]: operation["body"] for operation in content["operations"]}
        documents = {key: _text(text) for key, text in content.items()}
    except (AttributeError, KeyError, TypeError):
        raise ValueError("names a file that is no manifest: an object of texts by ids, or Apollo's") from None
    if not documents:
        raise ValueError("names a manifest without a document")
    return documents


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError
    return text
