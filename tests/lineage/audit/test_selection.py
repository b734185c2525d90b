"""What was tried and is not reported, and what of the history is gone."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import EvaluatedRun
from scaletrace.formats.history import Evaluated, Failed, Fitted, Used, write_event
from scaletrace.formats.observations import write_observations
from scaletrace.jobs import history
from scaletrace.lineage import root
from scaletrace.lineage.audit import selection
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, EVALUATION, FIT, ROW, TABLE, commit, edit, git

FOLDER = history.folder_of("s")
WORD = "completeness rests on the author's word"
TINY = Path(__file__).parents[3] / "config/tiny.yaml"


@pytest.fixture
def told(study):
    """A study with a history, which its root names."""
    small_study.tell()
    small_study.write_root()


def check(kept=None, **options):
    scope = small_study.scope(**options)
    found = [(one.file, one.field) for one in selection.check(scope, Path(CONFIG), kept)]
    return found, scope.notes


def evaluated(run, loss, when=10.0):
    evaluation = EvaluatedRun("ok" if loss else "diverged", 80, 20, loss)
    write_event(FOLDER, Evaluated(None, when, run, evaluation, "b" * 64))


def event_of(run):
    (path,) = (p for p in FOLDER.glob("evaluated-*") if f'"run": "{run}"' in p.read_text())
    return path


def table(*rows):
    """The table with other rows, as its job would have recorded it."""
    write_observations(Path(TABLE), [ROW | row for row in rows])
    small_study.job("observe", {}, {"evals": EVALUATION}, {"observations": TABLE})


def test_an_honest_study_is_one_line(told):
    assert check() == ([], [f"1 runs were tried, 1 are reported; {WORD}"])


def test_a_study_without_history_says_so(study):
    small_study.write_root()
    assert check() == ([], [f"no history of what was tried is kept of this study: {WORD}"])


def test_runs_that_were_dropped_are_named_with_their_losses(told):
    evaluated("b", 2.25)
    evaluated("c", None)
    write_event(FOLDER, Failed(None, 1.0, "anneal", {"run": "d"}, "no memory"))
    # One that failed and was evaluated later has a loss, and a trunk is no run.
    write_event(FOLDER, Failed(None, 1.0, "anneal", {"run": "a"}, "no memory"))
    write_event(FOLDER, Failed(None, 1.0, "pretrain", {"size": "d8"}, "no memory"))
    found, notes = check()
    assert found == []
    dropped = "b (loss 2.2500); c (no finite loss); d (failed: no memory)"
    assert notes == [f"4 runs were tried, 1 are reported; dropped: {dropped}; {WORD}"]


def test_many_that_were_dropped_are_counted(told):
    for n in range(20):
        evaluated(f"b{n:02}", 2.0 + n)
    (note,) = check()[1]
    assert "b05 (loss 7.0000); and 14 more; " in note


def test_runs_without_numbers_that_were_measured_are_found(told):
    evaluated("b", 2.25)
    evaluated("c", None)
    none = dict.fromkeys(("loss", "loss_se", "bits_per_byte", "perplexity"))
    left_out = {"status": "failed", "reason": "an outlier", **none}
    # A newer evaluation may have none.
    table({"status": "diverged", "reason": "not finite", **none})
    assert check()[0] == []
    table({}, {"run": "b", **left_out}, {"run": "c", **left_out})
    found, notes = check()
    assert found == [(str(event_of("b")), "run b")]
    assert notes[0].startswith("3 runs were tried, 3 are reported (2 failed, with a reason); ")
    table({}, {"run": "b", "status": "excluded", "reason": "an outlier", "loss": 2.25})
    assert check()[0] == []
    assert "(1 excluded, with a reason)" in check()[1][0]


def test_several_results_of_a_run_are_told(told):
    evaluated("a", 2.75, when=1.0)
    assert check()[1][1].endswith("an earlier one is reported: a: loss 2.7500, loss 2.5000")


def test_an_event_that_the_root_names_is_there_unchanged(told):
    (fitted,) = FOLDER.glob("fitted-*")
    fitted.unlink()
    measured = event_of("a")
    edit(measured, "2.5", "2.4")
    found, _ = check()
    assert {(str(measured), ""), (str(measured), "sha256 (in the root)")} < {*found}
    assert (str(fitted), "sha256 (in the root)") in found
    # Nor can a root be made that names no event of what it reports.
    small_study.write_root()
    write_event(FOLDER, Used(None, 1.0))
    measured.unlink()
    small_study.write_root()
    assert check()[0] == [(str(FOLDER), "evaluate a"), (str(FOLDER), "fit power")]


def test_what_an_earlier_root_had_is_missed(told):
    evaluated("b", 2.25)
    kept = Path("kept.json")
    small_study.write_root()
    kept.write_bytes(root.path_of("s").read_bytes())
    first, cut = commit(), event_of("b")
    cut.unlink()
    small_study.write_root()
    where = f"commit {first[:12]}"
    scope = small_study.scope()
    (one,) = selection.check(scope, Path(CONFIG), None)
    assert (one.file, one.field) == (str(cut), f"cut since {where}")
    assert one.expected.startswith("evaluation of b, loss 2.2500, as in the root of commit ")
    assert scope.notes[0].endswith(f"; what roots from {where} on fixed was compared; {WORD}")
    commit()
    assert check()[0] == [(str(cut), f"cut since {where}")]
    # With git's history rewritten, a root that was kept tells.
    git("checkout", "--quiet", "--orphan", "other")
    git("branch", "--quiet", "-D", git("branch", "--format=%(refname:short)").splitlines()[-1])
    commit()
    assert check()[0] == []
    assert check(kept)[0] == [(str(cut), "cut since kept.json")]
    with pytest.raises(BadInput, match=r"^config/s\.yaml: no readable study root"):
        check(Path(CONFIG))


def test_fits_that_are_not_reported_are_told(told):
    (fitted,) = FOLDER.glob("fitted-*")
    event = Fitted(None, 2.0, "power", "None", {"E": 2.1}, "c" * 64, "b" * 64)
    write_event(FOLDER, event)
    # Other libraries may give another last digit.
    write_event(FOLDER, dataclasses.replace(event, params={"E": 2.0 + 1e-9}))
    assert check()[1][1] == "1 fits were made that are not reported: power with E 2.1"
    assert Path(FIT).is_file()
    assert fitted.is_file()


def use(content, when):
    """Note that a study file was used for the first time."""
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    small_study.text(FOLDER / f"studies/{sha256}.yaml", content)
    write_event(FOLDER, Used(sha256, when))


def test_settings_that_changed_after_results_were_seen_are_told(told):
    now = Path(CONFIG).read_text()
    use("study: s\nrate: 0.3\n", 1.0)
    use("study: s\nrate: 0.2\nseeds: [0, 1]\n", 2.0)
    use(now, 2000.0)
    notes = check()[1]
    said = "2 settings were changed after results were seen: rate: 0.2 -> 0.1; "
    assert notes[-1] == f"{said}seeds: [0, 1] -> nothing"
    # This code does not know the keys of these.
    assert notes[0].startswith("3 study files of earlier times were not read")


def test_runs_that_were_planned_once_are_told(told):
    content = TINY.read_text().replace("study: tiny", "study: s")
    use(content.replace("budgets:", "seeds: [7]\nbudgets:"), 1.0)
    assert "planned once and never finished: d16-l1-s7-32k; d16-l1-s7-48k; " in check()[1][0]
