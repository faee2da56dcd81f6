"""YAML documents of the repository."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def read_yaml(path: Path) -> dict[str, Any]:
    return read_yaml_text(path.read_text())


def read_yaml_text(text: str) -> dict[str, Any]:
    [document] = read_yaml_documents(text)
    return document


def read_yaml_documents(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(text))
