"""Put a recorded study's files back, verified, so that Snakemake has nothing to do."""

import argparse
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--study", default="demo", help="name of a recorded study")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER_OR_ZIP",
        help="an export or another copy of the repository, instead of DVC's remote",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="put back what verifies, although something differs from what made the results",
    )
    parser.add_argument(
        "--no-checkpoints",
        dest="checkpoints",
        action="store_false",
        help="figures and tables only: leave out checkpoints, tokens and text",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Restore, and say what was put back or what differs and what depends on it."""
    import dataclasses

    from scaletrace.lineage.restore import restore

    report = restore(arguments.study, arguments.source, arguments.partial, arguments.checkpoints)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(report), indent=2))
    else:
        print("\n".join(_lines(report, arguments.partial)))
    return 0 if arguments.partial else int(bool(report.findings or report.waiting))


def _lines(report: Any, partial: bool) -> list[str]:
    lines = []
    for finding in report.findings:
        lines.append(f"{finding.where}: {finding.what}")
        lines.append(f"    job: {', '.join(finding.jobs)}")
        if finding.dependents:
            lines.append(f"    depends on it: {', '.join(finding.dependents)}")
    if report.findings and not partial:
        count = len(report.findings)
        what = f"{count} differences" if count > 1 else "1 difference"
        lines.append(f"{report.study}: {what} from what made the results")
        lines.append("next: undo what differs, or restore what can be with --partial")
        return lines
    left = f", {report.left_out} left out" if report.left_out else ""
    lines.append(f"{report.study}: restored and verified, {report.files} files put back{left}")
    lines += [f"snakemake would make {line}" for line in report.waiting]
    if not report.waiting:
        lines.append("snakemake has nothing to do")
    return lines
