"""Sign the root of a recorded study with an SSH key."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--key", type=Path, required=True, help="SSH private key")
    parser.add_argument("--study", default="demo", help="name of a study: config/NAME.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Write the signature beside the root."""
    from scaletrace.lineage.signature import sign

    print(f"{sign(arguments.study, arguments.key)}: the root of {arguments.study} is signed")
    print("next: git add it, and tell reviewers your public key")
    return 0
