"""A study of five jobs on disk, with sound records: what tests of its lineage begin with.

raw.txt -> corpus -> evaluate a -> observe -> fit power -> figures loss_vs_params
"""

import hashlib
import subprocess
from pathlib import Path

from scaletrace.drawing.rows import Row, to_csv
from scaletrace.formats import files
from scaletrace.formats.acceptance import Acceptance, CodeVersion, RunAgain, write_acceptance
from scaletrace.formats.evaluation import EvaluatedRun, write_evaluation
from scaletrace.formats.observations import write_observations
from scaletrace.formats.record import Code, Identity, RecordedFile
from scaletrace.formats.source import SourceFile
from scaletrace.jobs import acceptances, fingerprint, history, ledger
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.audit.finding import Scope
from scaletrace.study.keep import Keep

STUDY, CONFIG = "s", "config/s.yaml"
KEEP = Keep()
RAW, TEXT, EVALUATION = "raw.txt", "results/s/corpus/train.jsonl", "results/s/evals/a.json"
TABLE, FIT = "results/s/observations.csv", "results/s/fits/power.json"
FIGURE = "results/s/figures/loss_vs_params.csv"
MODULES = {"scaletrace.errors": "0" * 64}
CODE = Code(fingerprint.combined(MODULES), MODULES)
ENVIRONMENT = '{"packages": {"torch": "2.13"}}\n'
DIGEST = hashlib.sha256(ENVIRONMENT.encode()).hexdigest()
FITTED = """{
  "intervals": {"E": {"estimate": 2.0, "high": 2.5, "level": 0.95, "low": 1.5}},
  "params": {"E": 2.0},
  "residuals": [{"log_residual": 0.5, "run": "a"}]
}
"""
ROW = {"run": "a", "size": "d8", "family": "decoder", "seed": 0, "budget": "1M", "status": "ok"}
ROW |= {"n_non_embedding": 100, "n_total": 300, "n_with_head": 200, "n_tokens": 1000}
ROW |= {"loss": 2.5, "loss_se": 0.25, "bits_per_byte": 1.5, "perplexity": 12.0}
CIRCUMSTANCES = {"start": 1000.0, "end": 1005.0, "seconds": 5.0, "host": "here"}
CIRCUMSTANCES |= {"cpu": "9000", "cpu_features": "avx", "threads": 1, "environment": DIGEST}


def text(path, content):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content, encoding="utf-8")


def edit(path, old, new):
    content = Path(path).read_text(encoding="utf-8")
    assert old in content
    Path(path).write_text(content.replace(old, new), encoding="utf-8")


def job(rule, wildcards, inputs, outputs, settings=None, code=CODE, **circumstances):
    """Write the record of a job; inputs and outputs are paths by their names in the stage."""
    read = [RecordedFile.at(name, path) for name, path in inputs.items()]
    identity = Identity(
        rule,
        wildcards,
        settings or {},
        code,
        tuple(file.made_by(ledger.producer(STUDY, file)) for file in read),
        tuple(RecordedFile.at(name, path) for name, path in outputs.items()),
    )
    return ledger.write(STUDY, identity, CIRCUMSTANCES | circumstances)


def figure(y=2.5):
    """The CSV of the figure: one point, of the table."""
    row = Row("1M", "point", SourceFile(TABLE, files_sha256(TABLE)), 100.0, y, run="a")
    return to_csv(STUDY, "loss_vs_params", [row])


def files_sha256(path):
    return str(files.hashes(Path(path))["sha256"])


def write(loss=2.5, features="avx", rate=0.1):
    """Write the whole study into the working folder."""
    text(CONFIG, f"study: s\nrate: {rate}\n")
    text(ledger.environment_path(DIGEST), ENVIRONMENT)
    text(RAW, "one two\n")
    text(TEXT, '{"text": "one two"}\n')
    job("corpus", {}, {"files": RAW}, {"train": TEXT}, {"packages": {"networkx": "3.4"}})
    Path(EVALUATION).parent.mkdir(exist_ok=True)
    write_evaluation(Path(EVALUATION), EvaluatedRun("ok", 80, 20, loss, 0.25, 1.5, 12.0))
    made = {"result": EVALUATION}
    settings = {"rate": rate}
    job("evaluate", {"run": "a"}, {"tokens": TEXT}, made, settings, cpu_features=features)
    write_observations(Path(TABLE), [ROW | {"loss": loss}])
    job("observe", {}, {"evals": EVALUATION}, {"observations": TABLE})
    text(FIT, FITTED)
    job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT})
    text(FIGURE, figure(loss))
    conventions = {"n": "non_embedding", "flops": "exact"}
    job(
        "figures",
        {"figure": "loss_vs_params"},
        {"observations": TABLE, "fits": FIT},
        {"csv": FIGURE},
        {"figure": "loss_vs_params", "conventions": conventions},
    )


def record(rule="observe", wildcards=None):
    """The record of one of the jobs."""
    path = ledger.path_of(STUDY, rule, wildcards or {})
    return next(job for job in Ancestry(STUDY).jobs if job.path == path)


def write_root():
    """Write the root of the study, and return its path."""
    jobs = Ancestry(STUDY).jobs
    rules = {job.rule: f"python -m scaletrace.job {job.rule}" for job in jobs}
    files.write_json(root.path_of(STUDY), root.build(STUDY, Path(CONFIG), jobs, rules))
    return root.path_of(STUDY)


def tell(study_file=None):
    """Write the history that the study's jobs leave, under a study file of some sha256."""
    for one in Ancestry(STUDY).jobs:
        end = CIRCUMSTANCES["end"]
        history.finished(STUDY, one.identity, one.record.id, study_file, None, end)


def accepted(now="e" * 64, **changes):
    """Write an honest note that the fit's code was accepted as equal to other; return its path."""
    job = record("fit", {"fit": "power"})
    sample = [RunAgain(str(job.path), job.record.id, {FIT: files_sha256(FIT)})]
    why = {"because": "a loop was renamed", "by": "me", "when": 1.0, "host": "h"}
    why |= {"commit": None, "changed": [], "jobs": 1, "sample": sample}
    versions = {"then": CodeVersion(CODE.fingerprint), "now": CodeVersion(now, 2)}
    note = Acceptance(**{"study": STUDY, "stage": "fit", **versions, **why, **changes})
    write_acceptance(acceptances.path_of(note), note)
    return acceptances.path_of(note)


def scope(whole=True, large=True, jobs=None, keep=KEEP):
    """What an audit of the study looks at."""
    ancestry = Ancestry(STUDY)
    return Scope(STUDY, ancestry, jobs or ancestry.jobs, whole, large, keep)


def git(*words):
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit():
    """Put all that lies in the working folder into a commit, and return it."""
    if not Path(".git").is_dir():
        git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", "x")
    return git("rev-parse", "HEAD")
