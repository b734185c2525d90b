"""Hand a finished study to DVC and git."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--study", default="demo", help="name of a study: config/NAME.yaml")
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; say whether graph, files or records have moved since the last record",
    )


def run(arguments: argparse.Namespace) -> int:
    """Record the study and say what comes next, or say what has moved since."""
    from scaletrace.lineage import signature
    from scaletrace.lineage.dvc import pipeline
    from scaletrace.lineage.record import moved, record
    from scaletrace.study.config import file_of

    study_file = file_of(arguments.study)
    if arguments.check:
        wrong = moved(study_file)
        print("\n".join(wrong or [f"{arguments.study}: as recorded"]))
        return 1 if wrong else 0
    jobs = record(study_file)
    print(f"{arguments.study}: {jobs} jobs recorded in provenance/")
    if problem := signature.stale(arguments.study):
        print(problem)
    if pipeline.is_kept_apart(arguments.study):
        print(f".dvcignore keeps {arguments.study} from plain DVC: dvc push leaves its files here")
    print("next: git commit, dvc push")
    return 0
