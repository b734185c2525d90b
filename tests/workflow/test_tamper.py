"""A random byte in a random artifact or record, a random value in dvc.lock: an audit names it."""

import random
from pathlib import Path

import pytest
import yaml

from scaletrace.jobs import ledger
from tests.workflow.conftest import LOCK, findings_by_file

RESULTS = Path("results/tiny")
TAMPERINGS, AT_ONCE = 300, 6


def artifacts():
    found = (path for path in RESULTS.rglob("*") if path.is_file())
    return sorted(p for p in found if "logs" not in p.parts and p.name != "timings.csv")


def vouchers():
    """Every record, environment and root."""
    folders = (ledger.PROVENANCE / name for name in ("jobs", "env", "roots"))
    return sorted(path for folder in folders for path in folder.rglob("*.json"))


def mutated(value, chance):
    if isinstance(value, int):
        return value + chance.choice([-1, 1])
    at = chance.randrange(len(value))
    return (
        value[:at]
        + chance.choice([c for c in "0123456789abcdef/-" if c != value[at]])
        + value[at + 1 :]
    )


def leaves(value, name=""):
    """Every value in plain data, as (container, key, name of the stage around it)."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        within = f"{name}.{key}" if name in ("", ".stages") else name
        if isinstance(item, dict | list):
            yield from leaves(item, within)
        else:
            yield value, key, within.lstrip(".")


def tampered_bytes(paths, chance):
    """Change one random byte in each of some random files; return their names and contents."""
    chosen = {path: path.read_bytes() for path in chance.sample(paths, AT_ONCE)}
    for path, content in chosen.items():
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
    return chosen


def tampered_lock(text, chance):
    """Change random values of dvc.lock in different stages; return where they stand."""
    content = yaml.load(text, yaml.CSafeLoader)
    chosen = {}
    while len(chosen) < AT_ONCE:
        holder, key, name = chance.choice(list(leaves(content)))
        if name not in chosen:
            chosen[name] = holder[key] = mutated(holder[key], chance)
    Path(LOCK).write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
    return chosen


@pytest.mark.long
def test_every_byte_and_every_value_counts(damaged, recorded_jobs):
    """Each of many tamperings is named, and nothing is when all are undone."""
    chance, lock = random.Random(0), Path(LOCK)
    kinds, text = [artifacts(), vouchers(), None], lock.read_bytes()
    assert findings_by_file(recorded_jobs) == {}
    for trial in range(TAMPERINGS // AT_ONCE):
        paths = kinds[trial % 3]
        if paths is None:
            places, undo = tampered_lock(text, chance), {lock: text}
        else:
            places, undo = {}, tampered_bytes(paths, chance)
        try:
            by_file = findings_by_file(recorded_jobs)
        finally:
            for path, content in undo.items():
                path.write_bytes(content)
        assert {str(path) for path in undo} <= by_file.keys(), trial
        for place in places:
            assert any(f"{f.field}.".startswith(f"{place}.") for f in by_file[LOCK]), place
    assert findings_by_file(recorded_jobs) == {}
