"""What every rule calls: run one stage, put its outputs in place, and leave a job record.

    python -m scaletrace.job STAGE@FINGERPRINT --study NAME --job JSON --settings JSON --threads N

The rule has the name of its stage; the fingerprint is that of the code that the workflow was
read with. `--job` holds the rule's wildcards, inputs and outputs by name, and `cached: false` where
the run cache is not to keep the outputs.
JSON that is too long for a command line stands in a file, given as @FILE.

Exit codes: 0 done, 1 failed, 2 input that a person has to mend (one message, no traceback).
"""

import argparse
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from scaletrace import contract
from scaletrace.cluster import slurm
from scaletrace.errors import BadInput
from scaletrace.formats.record import Attempt, Code, Identity, RecordedFile, device_of, identifier
from scaletrace.jobs import (
    acceptances,
    attempts,
    command,
    fingerprint,
    history,
    job_note,
    known_hashes,
    ledger,
    run_cache,
    stopping,
    surroundings,
    usage,
)
from scaletrace.jobs.lease import lease

WORK = Path("work")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scaletrace.job", description=__doc__)
    parser.add_argument("stage", metavar="STAGE@FINGERPRINT")
    parser.add_argument("--study", required=True)
    parser.add_argument(
        "--job", type=command.value, required=True, help="wildcards, inputs, outputs"
    )
    parser.add_argument("--settings", type=command.value, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args(argv)
    arguments.stage, _, arguments.code = arguments.stage.partition("@")
    return arguments


def _require_code(stage: str, kinds: tuple[str, ...], expected: str) -> None:
    fingerprint.forget_if_touched()
    if fingerprint.fingerprint(stage, kinds) != expected:
        raise BadInput(
            f"src/scaletrace: the code of stage {stage} is not the code that the workflow was read "
            "with; start snakemake again"
        )


def _require_newest(note: job_note.Note) -> None:
    """Keep a job that outlived its snakemake from putting its result over that of a changed one."""
    if note.superseded():
        raise BadInput(
            "the study, code or inputs of this job were changed, and it was started anew, while "
            "this one went on; nothing of this one was put in place"
        )


def _work_folder(arguments: argparse.Namespace, inputs: list[RecordedFile]) -> Path:
    """Name the folder for resumable state after everything that decides the outcome."""
    identity = {
        "rule": arguments.stage,
        "wildcards": arguments.job["wildcards"],
        "settings": arguments.settings,
        "code": arguments.code,
        "inputs": [[file.name, file.path, file.sha256] for file in inputs],
    }
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return WORK / arguments.study / name


def _described(files_by_name: dict[str, list[str]]) -> tuple[list[RecordedFile], list[str]]:
    """Return each file with its name in the stage, and the paths whose hashes were remembered."""
    described, remembered = [], []
    for name, paths in files_by_name.items():
        for path in paths:
            hashes, known = known_hashes.hashes(Path(path))
            described.append(RecordedFile(name, path, **hashes))
            remembered += [path] * known
    return described, remembered


def _run(arguments: argparse.Namespace, note: job_note.Note, study_file: str | None) -> None:
    start, clock = time.time(), time.perf_counter()
    kinds = fingerprint.kinds_of(arguments.stage, arguments.settings)
    _require_code(arguments.stage, kinds, arguments.code)
    here = surroundings.here()
    inputs, remembered = _described(arguments.job["inputs"])
    recorded = [file.made_by(ledger.producer(arguments.study, file)) for file in inputs]
    outputs = {name: Path(path) for name, path in arguments.job["outputs"].items()}
    work = _work_folder(arguments, inputs)
    note.works_in(work)
    with lease(work), attempts.begin(work, start, here) as tried:
        _require_newest(note)
        _note_killed(arguments, work, tried, study_file)
        device = device_of(arguments.settings)
        numerical = surroundings.numerical(here, device, arguments.threads)
        key = run_cache.key(
            arguments.study, arguments.stage, arguments.settings, arguments.code, inputs, numerical
        )
        circumstances = run_cache.take(key, arguments.study, outputs)
        if circumstances is None:
            measured = _compute(arguments, kinds, inputs, outputs, work, note)
            circumstances = {
                **here,
                "start": start,
                "end": time.time(),
                "seconds": time.perf_counter() - clock,
                "threads": arguments.threads,
                "measured": measured,
                **usage.taken(),
                "matrix": usage.matrix_flops_per_s(),
                "requested": slurm.requested(),
            }
        else:
            print(f"{_computed_by(circumstances)}; nothing is computed again")
        made, _ = _described({name: [str(path)] for name, path in outputs.items()})
        identity = Identity(
            rule=arguments.stage,
            wildcards=arguments.job["wildcards"],
            settings=arguments.settings,
            code=Code(
                arguments.code, fingerprint.modules(arguments.stage, kinds), fingerprint.SCHEME
            ),
            inputs=tuple(recorded),
            outputs=tuple(made),
        )
        if acceptances.stands(arguments.study, identity):
            print("the bytes that code accepted as equal had made: their record stands")
        else:
            last = {"attempts": tried, "work": work.name, "remembered": remembered}
            ledger.write(arguments.study, identity, {**circumstances, **last})
        reused_from = circumstances.get("reused", {}).get("study")
        record = identifier(identity.as_json())
        history.finished(arguments.study, identity, record, study_file, reused_from, time.time())
        # What goes when nothing needs it would stay there after all.
        if "reused" not in circumstances and arguments.job.get("cached", True):
            run_cache.keep(key, arguments.study, made, circumstances)
        attempts.finish(work)


def _note_killed(
    arguments: argparse.Namespace, work: Path, tried: list[dict[str, Any]], study_file: str | None
) -> None:
    """Note in the study's history that an earlier process was killed before it could do so."""
    before = attempts.failed(map(Attempt.of, tried[:-1]))
    if not attempts.is_finished(work) and any(one.problem == attempts.SILENT for one in before):
        job = arguments.stage, arguments.job["wildcards"]
        history.failed(arguments.study, *job, study_file, attempts.SILENT)


def _computed_by(circumstances: dict[str, Any]) -> str:
    reused = circumstances.get("reused")
    if reused is None:
        return "an earlier process has finished this job"
    return f"{reused['by']} has computed the same in study {reused['study']}"


def _compute(
    arguments: argparse.Namespace,
    kinds: tuple[str, ...],
    inputs: list[RecordedFile],
    outputs: dict[str, Path],
    work: Path,
    note: job_note.Note,
) -> dict[str, Any]:
    """Run the stage, put its outputs in place, and return its measurements."""
    stage = contract.stage(arguments.stage)
    # Beside the outputs, so that putting them in place is a rename and never a copy.
    first = next(iter(outputs.values()))
    first.parent.mkdir(parents=True, exist_ok=True)
    drafts = first.parent / f".draft-{work.name[:16]}"
    shutil.rmtree(drafts, ignore_errors=True)
    drafts.mkdir()
    try:
        temporary = {name: drafts / f"{name}{path.suffix}" for name, path in outputs.items()}
        with stopping.final():
            measured = contract.run(
                stage,
                inputs={
                    name: [Path(path) for path in paths]
                    for name, paths in arguments.job["inputs"].items()
                },
                outputs=temporary,
                settings=arguments.settings,
                work=work,
            )
        _require_code(arguments.stage, kinds, arguments.code)
        if _described(arguments.job["inputs"])[0] != inputs:
            raise BadInput("an input changed while the job was reading it; run it again")
        _require_newest(note)
        for name, path in temporary.items():
            outputs[name].parent.mkdir(parents=True, exist_ok=True)
            path.replace(outputs[name])
    finally:
        shutil.rmtree(drafts, ignore_errors=True)
    settings = contract.settings_from(stage, arguments.settings)
    return {**measured, **usage.flops_per_s(settings, measured)}


def main(argv: list[str] | None = None) -> int:
    """Run one job; see the module's docstring."""
    with stopping.heeded():
        return _main(_arguments(argv))


def _main(arguments: argparse.Namespace) -> int:
    try:
        study, job = arguments.study, (arguments.stage, arguments.job["wildcards"])
        note, study_file = job_note.Note(study, *job), history.begins(study, time.time())
        try:
            _run(arguments, note, study_file)
        except BaseException as problem:
            note.fails(problem)
            # What a person has to mend was no try.
            if not isinstance(problem, BadInput):
                history.failed(study, *job, study_file, job_note.reason_of(problem))
            raise
        note.done()
    except BadInput as problem:
        print(f"{arguments.stage}: {problem}", file=sys.stderr)
        return 2
    except OSError as problem:
        where = f" ({problem.filename})" if problem.filename else ""
        print(
            f"{arguments.stage}: {problem.strerror or problem}{where}; nothing was put in place",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
