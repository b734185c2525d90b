"""What a forger may do to a recorded study, and what is documented to catch it.

Each forgery is done to the study in the working folder, a clone to be thrown away, as consistently
as somebody can who has this project's code: hashes, ids, seals, pipeline, lock, metrics and root
are made to fit, and all is committed.
"""

import dataclasses
import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.forger import (
    Rows,
    commit,
    edit,
    edit_json,
    edit_record,
    edit_root,
    edit_rows,
    flip,
    git,
    make,
    record_of,
    restudy,
    rewrite,
    vouch,
)
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scaletrace import kinds
from scaletrace.formats import files
from scaletrace.formats.acceptance import Acceptance, CodeVersion, RunAgain, write_acceptance
from scaletrace.formats.record import read_record, seal_of
from scaletrace.jobs import acceptances, fingerprint, history, ledger, meaning
from scaletrace.lineage import code_at, root, signature
from scaletrace.study.config import file_of

STUDY, TINY = "example", "tiny"
CONFIG, RESULTS = file_of(STUDY), Path("results", STUDY)
RUN, FIT, FIGURE = "d16-l2-s1-1M", "power_n-1M", "loss_vs_params"
TABLE, TIMINGS = RESULTS / "observations.csv", RESULTS / "timings.csv"
EVALUATION, FITTED = RESULTS / f"evals/{RUN}.json", RESULTS / f"fits/{FIT}.json"
PICTURE = RESULTS / "figures" / FIGURE
PIPELINE = Path("provenance/dvc", STUDY, "dvc.yaml")
FIT_RECORD, FIGURE_RECORD = (
    record_of(STUDY, "fit", fit=FIT),
    record_of(STUDY, "figures", figure=FIGURE),
)
SOLVER = "scaletrace.fitting.solver"
TINY_RUN = "d8-l1-s0-32k"
# What a booby trap leaves behind where it was executed, and the key of the study's author.
SPRUNG, KEY, SIGNERS = "sprung", Path("../author"), Path("../signers")
TRAP = f"import pathlib; pathlib.Path({SPRUNG!r}).touch()\n"


@dataclasses.dataclass(frozen=True)
class Forgery:
    """A way to forge, and who notices.

    caught_by: what a finding, or something unverified, of `scaletrace audit` says; nothing where
    an audit does not notice. shown_by: the command that shows what an audit does not. harmless:
    whether there is nothing to notice, as long as nothing is executed. arguments: of the audit.
    pictures: whether pictures have to be drawn again, as on the recorded kind of machine alone.
    noted: what a note of the audit tells, where that is an author's choice and no mismatch.
    """

    name: str
    forge: Callable[[], object]
    caught_by: str = ""
    shown_by: tuple[str, ...] = ()
    noted: str = ""
    arguments: tuple[str, ...] = ("--no-checkpoints",)
    study: str = STUDY
    pictures: bool = False
    harmless: bool = False


def _flipped(path: Path | str) -> Callable[[], None]:
    def forge() -> None:
        flip(path)
        commit()

    return forge


def _edited_record(path: Path, change: Callable[[dict], object], **how: bool) -> Callable[[], None]:
    def forge() -> None:
        edit_record(path, change, **how)
        commit()

    return forge


def _on_host(record: dict) -> None:
    record["circumstances"]["host"] = "a machine of fame"


def _seeded(record: dict) -> None:
    record["identity"]["settings"]["seed"] = 7


def _drawn(figure: str, change: Callable[[list], list]) -> Callable[[], None]:
    """A figure of other rows than its inputs give, its four files drawn alike."""

    def forge() -> None:
        module = kinds.load("figures", figure)
        rows = module.rows
        with mock.patch.object(module, "rows", lambda content: change(rows(content))):
            make(json.loads(record_of(STUDY, "figures", figure=figure).read_text("utf-8")))
        rewrite(STUDY)

    return forge


def _moved(rows: list) -> list:
    return [dataclasses.replace(r, y=0.999 * r.y) if r.run == RUN else r for r in rows]


def _added(rows: list) -> list:
    point = next(row for row in rows if row.run == RUN)
    return [dataclasses.replace(point, run="d16-l2-s9-1M", y=0.999 * point.y), *rows]


def _left_out(rows: list) -> list:
    return [row for row in rows if row.run != RUN]


def _narrowed(rows: list) -> list:
    def narrow(row: Any) -> Any:
        middle = (row.low + row.high) / 2
        low, high = (middle + 0.9 * (end - middle) for end in (row.low, row.high))
        return dataclasses.replace(row, low=low, high=high)

    return [narrow(row) if row.kind == "band" else row for row in rows]


def _labelled() -> None:
    module = kinds.load("figures", FIGURE)
    with mock.patch.object(module, "LOSS_LABEL", "Held-out loss (bits per byte)"):
        make(json.loads(FIGURE_RECORD.read_text("utf-8")))


def _label() -> None:
    _labelled()
    rewrite(STUDY)


def _label_from_elsewhere() -> None:
    _labelled()
    rewrite(STUDY, _told("figures", cpu="a processor that nobody has"))


def _saved_with(change: Callable[[Image.Image, PngInfo], object]) -> None:
    """Change the picture in PNG, what it says of itself kept, and make the rest fit."""
    path = PICTURE.with_suffix(".png")
    with Image.open(path) as picture:
        told = PngInfo()
        for key, value in picture.info.items():
            if isinstance(value, str):
                told.add_text(str(key), value)
        change(picture, told)
        picture.save(path, pnginfo=told)
    rewrite(STUDY)


def _painted() -> None:
    _saved_with(lambda picture, told: picture.paste((255, 255, 255), (200, 200, 400, 400)))


def _replaced(new: Path | str, old: Path | str) -> Callable[[], None]:
    def forge() -> None:
        shutil.copyfile(old, new)
        rewrite(STUDY)

    return forge


def _changed_text(path: Path | str, old: str, new: str) -> Callable[[], None]:
    def forge() -> None:
        edit(path, old, new)
        rewrite(STUDY)

    return forge


def _changed_json(path: Path, change: Callable[[dict], object]) -> Callable[[], None]:
    def forge() -> None:
        edit_json(path, change)
        rewrite(STUDY)

    return forge


def _changed_rows(path: Path, change: Callable[[Rows], Rows]) -> Callable[[], None]:
    def forge() -> None:
        edit_rows(path, change)
        rewrite(STUDY)

    return forge


def _quick_timings() -> None:
    edit_rows(TIMINGS, lambda rows: [row | {"seconds": "1"} for row in rows])
    commit()


def _steeper(fit: dict) -> None:
    fit["params"]["alpha"] = 0.34


def _narrow_band(fit: dict) -> None:
    curve = fit["curve"]
    for side in ("low", "high"):
        middle = [(low + high) / 2 for low, high in zip(curve["low"], curve["high"], strict=True)]
        curve[side] = [m + 0.9 * (v - m) for v, m in zip(curve[side], middle, strict=True)]


def _better(evaluation: dict) -> None:
    for name in ("loss", "bits_per_byte"):
        evaluation[name] *= 0.95


def _lower_loss(rows: Rows) -> Rows:
    return [row | {"loss": "3.5"} if row["run"] == RUN else row for row in rows]


def _no_row(rows: Rows) -> Rows:
    return [row for row in rows if row["run"] != RUN]


def _told(rule: str, **circumstances: Any) -> Callable[[Path, dict], bool]:
    """A change of what the records of a rule say of how their jobs ran."""

    def change(path: Path, record: dict) -> bool:
        if record["identity"]["rule"] == rule:
            record["circumstances"] |= circumstances
        return False

    return change


def _slower(path: Path, record: dict) -> bool:
    settings = record["identity"]["settings"]
    if record["identity"]["rule"] in ("pretrain", "anneal"):
        settings["learning_rate"] /= 2
    return False


def _other_split(path: Path, record: dict) -> bool:
    for file in record["identity"]["inputs"]:
        if record["identity"]["rule"] in ("pretrain", "anneal"):
            file["path"] = file["path"].replace("tokens/train", "tokens/test")
    return False


def _trained_on_test() -> None:
    rules = Path("rules/training.smk")
    edit(rules, "unpack(ANNEAL.inputs)", "unpack(lambda w: on_test(ANNEAL.inputs(w)))")
    edit(rules, "unpack(PRETRAIN.inputs)", "unpack(lambda w: on_test(PRETRAIN.inputs(w)))")
    rewrite(STUDY, _other_split)


def _restudied(old: str, new: str) -> Callable[[], None]:
    return lambda: restudy(STUDY, lambda path: edit(path, old, new))


def _erased() -> None:
    for path in history.folder_of(STUDY).glob("evaluated-*.json"):
        if "-s1-" in path.read_text("utf-8") or "-s2-" in path.read_text("utf-8"):
            path.unlink()
    _restudied("heads: 1, seeds: [0, 1, 2]", "heads: 1, seeds: [0]")()
    commit()


def _appended(lines: str) -> Callable[[], None]:
    def append(path: Path) -> None:
        path.write_text(f"{path.read_text('utf-8')}{lines}\n", encoding="utf-8")

    return lambda: restudy(STUDY, append)


def _config_edited() -> None:
    edit(CONFIG, "value: 0.024", "value: 0.02")
    vouch(STUDY)
    commit()


def _touched() -> None:
    edit(file_of(TINY), "value: 0.010", "value: 0.020")
    words = ("snakemake", "--quiet", "--touch", "--cores", "1", "--configfile", str(file_of(TINY)))
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    vouch(TINY)
    commit()


def _with_code(
    of_solver: Callable[[dict[str, str]], dict[str, str]], git_says: dict | None = None, **code: Any
) -> None:
    """An exponent of the author's own, in a study whose fits name other code."""
    edit_json(FITTED, _steeper)

    def change(path: Path, record: dict) -> bool:
        if record["identity"]["rule"] == "fit":
            modules = of_solver(record["identity"]["code"]["modules"])
            named = {"modules": modules, "fingerprint": fingerprint.combined(modules)}
            record["identity"]["code"] |= named | code
            record["circumstances"]["git"] |= git_says or {}
        return False

    rewrite(STUDY, change)


def _invented(modules: dict[str, str]) -> dict[str, str]:
    return modules | {SOLVER: "0" * 64}


def _code_nowhere() -> None:
    _with_code(_invented)


def _code_uncommitted() -> None:
    _with_code(_invented, {"changed": [" M src/scaletrace/fitting/solver.py"]})


def _code_of_no_commit() -> None:
    _with_code(_invented, {"commit": "0" * 40})


def _committed_code() -> tuple[str, Callable[[dict[str, str]], dict[str, str]]]:
    """Commit a solver of the author's own; return the commit, and what counts in it."""
    edit("src/scaletrace/fitting/solver.py", "STEPS = 1000", "STEPS = 1")
    named = commit("a better solver")
    sources = code_at.of_commit(named)

    def counted(modules: dict[str, str]) -> dict[str, str]:
        reached = sources and code_at.counted(sources, "fit", modules)
        if not reached:
            raise ValueError(f"{named}: no code of a fit")
        return {name: one.hash for name, one in reached.items()}

    return named, counted


def _code_of_another_commit() -> None:
    _, counted = _committed_code()
    _with_code(counted)


def _code_of_own_commit() -> None:
    named, counted = _committed_code()
    _with_code(counted, {"commit": named, "changed": []})


def _code_behind_a_replaced_commit() -> None:
    recorded = json.loads(FIT_RECORD.read_text("utf-8"))["circumstances"]["git"]["commit"]
    named, counted = _committed_code()
    git("replace", recorded, named)
    _with_code(counted)


def _code_by_an_older_scheme() -> None:
    commit_then = json.loads(FIT_RECORD.read_text("utf-8"))["circumstances"]["git"]["commit"]
    source = git("show", f"{commit_then}:src/scaletrace/errors.py")
    modules = {"scaletrace.errors": meaning.module_meaning(source)}
    _with_code(lambda _: modules, scheme=1)


def _planted(*names: str, content: str = "x\n") -> Callable[[], None]:
    def forge() -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(content, encoding="utf-8")
            git("add", "--force", name)
        commit()

    return forge


def _compiled_trap() -> None:
    source = Path("../argparse.py")
    source.write_text(TRAP, encoding="utf-8")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), cfile="argparse.pyc", invalidation_mode=mode)
    git("add", "--force", "argparse.pyc")
    commit()


def _linked(path: Path | str, target: str) -> Callable[[], None]:
    def forge() -> None:
        Path(path).unlink()
        Path(path).symlink_to(target)
        commit()

    return forge


def _deep_record() -> None:
    FIGURE_RECORD.write_text('{"identity": ' + "[" * 100_000, encoding="utf-8")
    commit()


def _steering_letters() -> None:
    def change(path: Path, record: dict) -> bool:
        if path == FIT_RECORD:
            record["identity"]["settings"]["budget"] = "1M\x1b[2K\rverified: all of it"
        return False

    rewrite(STUDY, change)


def _pipeline(add: Callable[[str], str]) -> Callable[[], None]:
    def forge() -> None:
        PIPELINE.write_text(add(PIPELINE.read_text("utf-8")), encoding="utf-8")
        commit()

    return forge


def _accepted(record: Path, outputs: dict[str, str] | None = None) -> None:
    """A note, by hand, that the code of a job gave the same as today's; `outputs`: its sample."""
    job = read_record(record)
    rule, scheme = job.identity.rule, fingerprint.SCHEME
    today = fingerprint.fingerprint(rule, fingerprint.kinds_of(rule, job.identity.settings))
    made = {output.path: output.sha256 for output in job.identity.outputs}
    note = Acceptance(
        **{"study": STUDY, "stage": rule, "because": "a loop was renamed", "by": "N", "when": 1.0},
        **{"host": "h", "commit": None, "changed": [], "jobs": 1},
        then=CodeVersion(job.identity.code.fingerprint, scheme),
        now=CodeVersion(today, scheme),
        sample=[RunAgain(str(record), job.id, made if outputs is None else outputs)],
    )
    write_acceptance(acceptances.path_of(note), note)
    vouch(STUDY)
    commit()


def _accepted_fit() -> None:
    _code_uncommitted()
    _accepted(FIT_RECORD)


def _accepted_by_another_result() -> None:
    _code_uncommitted()
    _accepted(FIT_RECORD, {str(FITTED): "0" * 64})


def _accepted_training() -> None:
    path = record_of(STUDY, "anneal", run=RUN)

    def change(at: Path, record: dict) -> bool:
        if at == path:
            code = record["identity"]["code"]
            code["modules"]["scaletrace.training.loop"] = "0" * 64
            code["fingerprint"] = fingerprint.combined(code["modules"])
            record["circumstances"]["git"]["changed"] = [" M src/scaletrace/training/loop.py"]
        return False

    rewrite(STUDY, change)
    _accepted(path)


def _trained_otherwise() -> None:
    """A run trained at another rate, with its honest evaluation."""
    anneal, evaluate = (record_of(TINY, rule, run=TINY_RUN) for rule in ("anneal", "evaluate"))
    record = json.loads(anneal.read_text("utf-8"))
    record["identity"]["settings"]["learning_rate"] *= 3
    make(record)
    make(json.loads(evaluate.read_text("utf-8")))
    rewrite(TINY)


def _tiny_evaluation() -> None:
    edit_json(f"results/{TINY}/evals/{TINY_RUN}.json", _better)
    rewrite(TINY)


def _environment() -> Path:
    return ledger.environment_path(read_record(FIT_RECORD).circumstances.environment)


def _older(environment: dict) -> None:
    environment["packages"]["numpy"] = "1.0.0"


def _environment_edited() -> None:
    edit_json(_environment(), _older)
    commit()


def _environment_exchanged() -> None:
    then = _environment()
    edit_json(then, _older)
    digest = str(files.hashes(then)["sha256"])
    then.rename(ledger.environment_path(digest))

    def change(path: Path, record: dict) -> bool:
        if record["circumstances"]["environment"] == then.stem:
            record["circumstances"]["environment"] = digest
        return False

    rewrite(STUDY, change)


def _sign(key: Path) -> None:
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))
    subprocess.run(words, check=True)
    signature.sign(STUDY, key)


def _signed(then: Callable[[], object]) -> Callable[[], None]:
    """What is done to a study that its author has signed."""

    def forge() -> None:
        _sign(KEY)
        SIGNERS.write_text(f"author@example.org {KEY.with_suffix('.pub').read_text('utf-8')}")
        commit("signed")
        then()
        commit()

    return forge


def _sealed_again() -> None:
    def change(record: dict) -> None:
        _on_host(record)
        record["seal"] = seal_of(record)

    edit_json(FIT_RECORD, change)


def _signature_of_another_study() -> None:
    """A signature by the author, of a root that is not this study's."""
    held = root.path_of(STUDY).read_bytes()
    edit_root(STUDY, lambda r: r["rules"].update(fit="another"))
    signature.sign(STUDY, KEY)
    root.path_of(STUDY).write_bytes(held)


def _twice(path: Path, name: str, value: str) -> Callable[[], None]:
    """A key that stands twice in a JSON file; readers differ in which of the two they take."""

    def forge() -> None:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("{", f'{{\n  "{name}": {value},', 1), encoding="utf-8")
        rewrite(STUDY)

    return forge


def _twice_in_a_record() -> None:
    text = FIT_RECORD.read_text("utf-8")
    FIT_RECORD.write_text(text.replace("{", '{\n  "id": "0",', 1), encoding="utf-8")
    vouch(STUDY)
    commit()


def _renamed_output(new: str) -> Callable[[], None]:
    def forge() -> None:
        old = str(FITTED)
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        FITTED.rename(new)

        def change(path: Path, record: dict) -> bool:
            for side in ("inputs", "outputs"):
                for file in record["identity"][side]:
                    file["path"] = new if file["path"] == old else file["path"]
            return False

        rewrite(STUDY, change)

    return forge


def _git_programs() -> None:
    script = Path("trap.sh")
    script.write_text(f"#!/bin/sh\ntouch {Path(SPRUNG).absolute()}\n", encoding="utf-8")
    script.chmod(0o755)
    commit()
    program = str(script.absolute())
    for name in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy"),
        *("core.askPass", "core.alternateRefsCommand", "credential.helper", "diff.external"),
        *(
            "gpg.program",
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
            "diff.x.textconv",
        ),
    ):
        git("config", name, program)
    Path(".git/info/attributes").write_text("* filter=x diff=x\n", encoding="utf-8")
    for hook in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout"):
        shutil.copy(script, f".git/hooks/{hook}")
    # So that git has to look at every file.
    os.utime(CONFIG)


def _unseen_by_git() -> None:
    git("update-index", "--skip-worktree", str(TABLE))
    git("update-index", "--assume-unchanged", str(FITTED))
    flip(TABLE)
    flip(FITTED)


def _inner_repository() -> None:
    commit_here = git("rev-parse", "HEAD").strip()
    git("update-index", "--add", "--cacheinfo", f"160000,{commit_here},results/{STUDY}/inner")
    git("commit", "--quiet", "--message", "inner")


def _script_in_a_picture() -> None:
    edit(PICTURE.with_suffix(".svg"), "</svg>", "<script>alert(1)</script></svg>")
    rewrite(STUDY, _told("figures", cpu="a processor that nobody has"))


def _second_picture_in_a_pdf() -> None:
    path = PICTURE.with_suffix(".pdf")
    with path.open("ab") as stream:
        stream.write(b"% an update that readers show instead\n%%EOF\n")
    rewrite(STUDY, _told("figures", cpu="a processor that nobody has"))


def _note_in_a_png() -> None:
    _saved_with(lambda picture, told: told.add_text("Reviewed", "by somebody of fame"))


def _no_number() -> None:
    """A loss that is no number, so that the table may say anything."""
    text = EVALUATION.read_text(encoding="utf-8")
    edit(EVALUATION, repr(json.loads(text)["loss"]), "NaN")
    edit_rows(TABLE, _lower_loss)
    # The table is as it was told, and not made of this.
    with mock.patch("benchmarks.forger.make", _but_for_the_table):
        rewrite(STUDY)


def _but_for_the_table(record: dict) -> None:
    if record["identity"]["rule"] != "observe":
        make(record)


def _two_cases() -> None:
    other = f"results/{STUDY}/Evals/{RUN}.json"
    Path(other).parent.mkdir()
    shutil.copyfile(EVALUATION, other)
    edit_json(other, _better)
    commit()


def _quoted_lines(rows: Rows) -> Rows:
    return [row | {"reason": "a\nb,c"} if row["run"] == RUN else row for row in rows]


def _root_of_other_rules() -> None:
    edit_root(STUDY, lambda r: r["rules"].update(fit="python -m fit --alpha .34"))
    commit()


SIGNED = ("--no-checkpoints", "--signers", str(SIGNERS))
OTHER_MACHINE = "drawn by another processor, as its record has it"
FORGERIES = [
    Forgery("nothing, by the forger's hand", lambda: rewrite(STUDY), harmless=True),
    # A byte, with size and time as they were, and no record touched.
    *(
        Forgery(f"a byte of {what}", _flipped(path), f"{path}: sha256")
        for what, path in (
            *(
                (f"a figure's {kind}", PICTURE.with_suffix(f".{kind}"))
                for kind in ("pdf", "svg", "png")
            ),
            ("what a figure shows", PICTURE.with_suffix(".csv")),
            *(("a fit", FITTED), ("the table", TABLE), ("an evaluation", EVALUATION)),
        )
    ),
    # A record.
    Forgery(
        "a record edited, its id kept",
        _edited_record(FIT_RECORD, _seeded, identify=False, seal=False),
        f"{FIT_RECORD}: id",
    ),
    Forgery(
        "a record edited, its id renewed",
        _edited_record(FIT_RECORD, _seeded),
        f"{FIT_RECORD}: id (in the root)",
    ),
    Forgery(
        "a record's host edited",
        _edited_record(FIT_RECORD, _on_host, seal=False),
        f"{FIT_RECORD}: seal",
    ),
    Forgery(
        "a record's host edited, its seal renewed",
        _edited_record(FIT_RECORD, _on_host),
    ),
    # All that follows rewritten alike.
    Forgery("a point moved", _drawn(FIGURE, _moved), f"point of {RUN}: y"),
    Forgery("a point added", _drawn(FIGURE, _added), "point of d16-l2-s9-1M"),
    Forgery("a point left out", _drawn(FIGURE, _left_out), f"point of {RUN}"),
    Forgery("a residual left out", _drawn("residuals", _left_out), f"point of {RUN}"),
    Forgery("a loss lowered in the table", _changed_rows(TABLE, _lower_loss), f"run {RUN}: loss"),
    Forgery("a run left out of the table", _changed_rows(TABLE, _no_row), f"run {RUN}"),
    Forgery("an exponent", _changed_json(FITTED, _steeper), "made again: .params.alpha"),
    Forgery("a fit's band narrowed", _changed_json(FITTED, _narrow_band), "made again: .curve"),
    Forgery("a figure's band narrowed", _drawn(FIGURE, _narrowed), f"{PICTURE}.csv: made again"),
    Forgery("a label", _label, "made again", pictures=True),
    Forgery(f"a label, {OTHER_MACHINE}", _label_from_elsewhere),
    Forgery("pixels", _painted, f"{PICTURE}.png: made again", pictures=True),
    Forgery(
        "a picture swapped",
        _replaced(PICTURE.with_suffix(".png"), RESULTS / "figures/loss_vs_tokens.png"),
        "identity.figure",
    ),
    Forgery("a fit swapped", _replaced(FITTED, RESULTS / "fits/power_n-2M.json"), "made again"),
    # Settings, study file, rules.
    Forgery("settings edited", lambda: rewrite(STUDY, _slower), "settings.learning_rate"),
    Forgery("the study file edited", _config_edited, "settings.learning_rate"),
    Forgery(
        "the study file edited, and snakemake --touch",
        _touched,
        "settings.learning_rate",
        study=TINY,
    ),
    Forgery(
        "the study file and settings edited",
        _restudied("value: 0.024", "value: 0.02"),
        noted="settings were changed after results were seen",
    ),
    Forgery(
        "trained on the test split by other rules",
        _trained_on_test,
        "inputs: results/example/tokens/train.bin",
    ),
    # Code.
    Forgery("other code, at the recorded commit", _code_nowhere, f"code.modules.{SOLVER}"),
    Forgery("other code, of another commit", _code_of_another_commit, f"code.modules.{SOLVER}"),
    Forgery(
        "other code, in a commit that git replaced",
        _code_behind_a_replaced_commit,
        f"code.modules.{SOLVER}",
    ),
    Forgery(
        "other code, said to be uncommitted",
        _code_uncommitted,
        "not verified: 4 jobs ran with uncommitted",
    ),
    Forgery("other code, of no commit", _code_of_no_commit, "not verified: 4 jobs name no commit"),
    Forgery("other code, by an older scheme", _code_by_an_older_scheme, "code.modules"),
    Forgery("other code, in a commit of its own", _code_of_own_commit),
    Forgery("accepted by hand: a fit", _accepted_fit, "made again: .params.alpha"),
    Forgery("accepted by hand: another result", _accepted_by_another_result, f"sample: {FITTED}"),
    Forgery("accepted by hand: a training", _accepted_training),
    # Machine and environment.
    Forgery(
        "a dispatch variable recorded",
        lambda: rewrite(STUDY, _told("anneal", variables={"ATEN_CPU_CAPABILITY": "default"})),
        harmless=True,
    ),
    Forgery("an environment edited", _environment_edited, "provenance/env/"),
    Forgery("an environment exchanged", _environment_exchanged),
    # What a clone brings.
    Forgery(
        "kept results",
        _planted("work/cache/anneal/x/finished", "work/hashes/x"),
        "work/cache/anneal/x/finished: file",
    ),
    Forgery("Snakemake's memory", _planted(".snakemake/metadata/x"), ".snakemake/metadata/x: file"),
    Forgery(
        "code that Python takes first",
        _planted("argparse.py", "conftest.py", "json.py", "numpy.py", content=TRAP),
        harmless=True,
    ),
    Forgery(
        "code that Python starts with",
        _planted("sitecustomize.py", "src/usercustomize.py", content=TRAP),
        "sitecustomize.py: file",
    ),
    Forgery("code without its source", _compiled_trap, "argparse.pyc: file"),
    Forgery(
        "a rule that runs something",
        _planted("rules/zz.smk", "Snakefile", content=TRAP),
        harmless=True,
    ),
    Forgery("programs in git's own settings", _git_programs, harmless=True),
    Forgery(
        "a link to /dev/zero for a table",
        _linked(TABLE, "/dev/zero"),
        "a link that this clone brings",
    ),
    Forgery("a repository inside", _inner_repository, "a link that this clone brings"),
    Forgery("a deep record", _deep_record, f"{FIGURE_RECORD}: "),
    Forgery("letters that steer a terminal", _steering_letters, "settings.budget"),
    # Selection.
    Forgery(
        "a measured run said to have failed",
        _appended(f"failed: {{{RUN}: diverged at step 400}}"),
        noted="(1 failed, with a reason)",
    ),
    Forgery(
        "a measured run excluded",
        _appended(f"exclude: {{{RUN}: an outlier}}"),
        noted="(1 excluded, with a reason)",
    ),
    Forgery(
        "seeds that vanish",
        _restudied("heads: 1, seeds: [0, 1, 2]", "heads: 1, seeds: [0]"),
        noted="dropped: d16-l2-s1",
    ),
    Forgery("seeds that vanish, and what tells of them", _erased, "cut since commit"),
    # Foreign files.
    Forgery(
        "a figure of no record",
        _replaced(RESULTS / "figures/better.png", PICTURE.with_suffix(".png")),
        "better.png",
    ),
    Forgery("a table of no record", _planted(str(RESULTS / "better.csv")), "better.csv"),
    Forgery(
        "timings edited",
        _quick_timings,
        "timings.csv",
    ),
    Forgery(
        "a foreign stage",
        _pipeline(lambda t: t.replace("stages:", "stages:\n  better: {cmd: echo}", 1)),
        "stages.better",
    ),
    Forgery(
        "a foreign plot",
        _pipeline(lambda t: t.replace("plots:", "plots:\n- ../../../better.svg", 1)),
        "plots",
    ),
    Forgery(
        "a foreign metric",
        _pipeline(lambda t: t.replace("metrics:", "metrics:\n- ../../../better.json", 1)),
        "metrics",
    ),
    Forgery(
        "a second study file of one name",
        _planted("config/better.yaml", content="study: example\n"),
        "config/better.yaml",
    ),
    Forgery("files whose names differ in case", _two_cases, "Evals"),
    # Invented measurements.
    Forgery("an evaluation", _changed_json(EVALUATION, _better)),
    Forgery(
        "an evaluation of a checkpoint that is here",
        _tiny_evaluation,
        shown_by=("reproduce", TINY_RUN, "--study", TINY),
        study=TINY,
        arguments=(),
    ),
    Forgery(
        "a checkpoint trained otherwise",
        _trained_otherwise,
        shown_by=("reproduce", TINY_RUN, "--study", TINY),
        study=TINY,
        arguments=(),
    ),
    # Signatures.
    Forgery(
        "a signature by another key",
        _signed(lambda: _sign(Path("../another"))),
        "json.sig: signature",
        arguments=SIGNED,
    ),
    Forgery(
        "no signature any more",
        _signed(lambda: signature.path_of(STUDY).unlink()),
        "json.sig: file",
        arguments=SIGNED,
    ),
    Forgery(
        "an evaluation, after the signature",
        _signed(_changed_json(EVALUATION, _better)),
        "json.sig: signature",
    ),
    Forgery(
        "a record's host, after the signature",
        _signed(_sealed_again),
        f"{FIT_RECORD}: sha256 (in the root)",
    ),
    Forgery(
        "the author's signature of something else",
        _signed(_signature_of_another_study),
        "json.sig: signature",
        arguments=SIGNED,
    ),
    Forgery("rules in the root", _root_of_other_rules),
    # Readers that differ.
    Forgery("a name twice in a record", _twice_in_a_record, f"{FIT_RECORD}: form"),
    Forgery(
        "a name twice in a fit",
        _twice(FITTED, "params", '{"alpha": 0.34}'),
        f"{FITTED}: form",
    ),
    Forgery(
        "a name twice in an evaluation", _twice(EVALUATION, "loss", "3.5"), f"{EVALUATION}: form"
    ),
    Forgery("no number for a loss", _no_number, f"{EVALUATION}: form"),
    Forgery("lines within a cell", _changed_rows(TABLE, _quoted_lines), "made again"),
    Forgery(
        "an output among another study's",
        _renamed_output(f"results/demo/fits/{FIT}.json"),
        f"outputs: results/example/fits/{FIT}.json",
    ),
    Forgery(
        "an output whose name looks alike",
        _renamed_output(str(FITTED).replace("power", "p\u043ewer")),
        f"outputs: results/example/fits/{FIT}.json",
    ),
    Forgery("changes that git is told not to see", _unseen_by_git, f"{TABLE}: sha256"),
    Forgery(
        f"a script in a picture, {OTHER_MACHINE}", _script_in_a_picture, f"{PICTURE}.svg: picture"
    ),
    Forgery(
        f"a picture over another, in a PDF, {OTHER_MACHINE}",
        _second_picture_in_a_pdf,
        f"{PICTURE}.pdf: picture",
    ),
    Forgery("a note in a PNG", _note_in_a_png, f"{PICTURE}.png: made again", pictures=True),
]
