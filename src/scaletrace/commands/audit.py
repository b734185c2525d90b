"""Recompute every hash of a study and compare all that is known of it: verified, or what is not."""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "path", type=Path, nargs="*", help="files, folders or copies of figures; none for all"
    )
    parser.add_argument("--study", help="name of a study: config/NAME.yaml (default: demo)")
    parser.add_argument(
        "--no-checkpoints",
        action="store_true",
        help="do not read checkpoints, token files and texts, which may be absent then",
    )
    parser.add_argument(
        "--hashes-only",
        action="store_true",
        help="compare what is there, and make no table, fit or figure again",
    )
    parser.add_argument(
        "--earlier", type=Path, metavar="ROOT.json", help="a root of the study that you kept"
    )
    parser.add_argument("--signers", type=Path, help="allowed signers of the study's root")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 if there are any, or something could not be verified."""
    from scaletrace.lineage import audit

    report = audit.audit(
        arguments.study or audit.study_of(arguments.path) or "demo",
        arguments.path,
        large=not arguments.no_checkpoints,
        signers=arguments.signers,
        earlier=arguments.earlier,
        make_again=not arguments.hashes_only,
    )
    print(json.dumps(audit.to_json(report), indent=2) if arguments.json else audit.to_text(report))
    return 0 if report.verified else 1
