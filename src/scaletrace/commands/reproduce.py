"""Make recorded results again, from their recorded inputs, and compare them with the record.

A run is trained and evaluated again, a segment of a trunk or a trial trained, a fit fitted, a
figure drawn. With --downstream all that rests on it follows, from what was made now. Nothing is
written but into a scratch folder (below TMPDIR), which is gone afterwards; progress goes to stderr.

With --sample K and --seed S, K of the study's trainings (segments of trunks, runs, trials) are
made again, and the answer says what that proves of all. Drawn are those, of all that
provenance/roots/STUDY.json fixes, for which the sha256 of "ROOT S RECORD" (the root, the seed, the
path of the record) is smallest. Choose a seed that nobody knew when the root was fixed.

On the recorded kind of machine (processor, libraries) every byte has to be equal. Elsewhere other
bytes are "not comparable": neither reproduced nor an accusation.

Exit code 0: all is reproduced bit for bit, or is a table or fit of another kind of machine that
agrees to one part in a million. 1: something differs or is not comparable. 2: it cannot be made.
"""

import argparse
import dataclasses
import json

from scaletrace.errors import BadInput


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="SIZE-sSEED-BUDGET of a run, SIZE-sSEED/TOKENS of a segment, a fit, a figure, "
        "observations; or the path of a file",
    )
    parser.add_argument("--study", default="demo", help="name of a study")
    parser.add_argument("--downstream", action="store_true", help="what rests on it, too")
    parser.add_argument("--sample", type=int, metavar="K", help="draw K trainings instead")
    parser.add_argument("--seed", metavar="S", help="a number or words, by which they are drawn")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Make the jobs again, showing their progress, and say how each compares."""
    from scaletrace.lineage import reproduce, sample

    by_sample = arguments.sample is not None
    if by_sample == (arguments.name is not None) or by_sample != (arguments.seed is not None):
        raise BadInput("give a name, or --sample and --seed")
    if by_sample and arguments.downstream:
        raise BadInput("--downstream goes with a name, not with --sample")
    ancestry = reproduce.records_of(arguments.study)
    drawn = sample.draw(ancestry, arguments.sample, arguments.seed) if by_sample else None
    if drawn:
        chains = [reproduce.with_evaluation(job, ancestry) for job in drawn.jobs]
    else:
        named = reproduce.jobs_of(arguments.name, ancestry)
        chains = [reproduce.with_downstream(named, ancestry) if arguments.downstream else named]
    outcomes = []
    for outcome in reproduce.reproduce(chains, arguments.study):
        outcomes.append(outcome)
        if not arguments.json:
            print(reproduce.to_text(outcome), flush=True)
    reproduced = all(outcome.result == "reproduced" for outcome in outcomes)
    if arguments.json:
        jobs = [{**dataclasses.asdict(outcome), "result": outcome.result} for outcome in outcomes]
        about = {"study": arguments.study, "reproduced": reproduced, "jobs": jobs}
        print(json.dumps({**about, "sample": drawn and sample.to_json(drawn, reproduced)}))
    else:
        if len(outcomes) > 1:
            print(reproduce.summary(outcomes))
        if drawn:
            print(sample.to_text(drawn, reproduced))
    return int(any(outcome.result in ("differs", "not comparable") for outcome in outcomes))
