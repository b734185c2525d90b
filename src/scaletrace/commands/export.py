"""Write a recorded study into one zip, with RO-Crate metadata, for a paper's supplement."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--study", default="demo", help="name of a study: config/NAME.yaml")
    parser.add_argument("--out", type=Path, help="zip to write (default: STUDY.zip)")
    parser.add_argument(
        "--with-checkpoints",
        action="store_true",
        help="put checkpoints, token files and texts in; otherwise they are named by hash",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the zip and say what it holds."""
    from scaletrace.lineage.export import export

    out = arguments.out or Path(f"{arguments.study}.zip")
    held = export(arguments.study, out, large=arguments.with_checkpoints)
    print(f"{out}: {len(held)} files of study {arguments.study}, {out.stat().st_size / 1e6:.1f} MB")
    print(f"next: scaletrace restore --study {arguments.study} --from {out}, in a fresh clone")
    return 0
