import argparse

from app.config import load_settings
from app.infra.embedded import EmbeddedServers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(arguments: argparse.Namespace) -> int:
    servers = EmbeddedServers(load_settings().data_dir)
    servers.delete()
    print(f"Deleted the data in {servers.data_dir}.")
    return 0
