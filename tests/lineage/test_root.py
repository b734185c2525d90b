"""The root of a study: what it holds, and what is none."""

import hashlib
import json
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.jobs import ledger
from scaletrace.jobs.history import History
from scaletrace.lineage import root
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, TABLE, edit, files_sha256

RECORD = "provenance/jobs/s/observe/observe.json"


@pytest.fixture
def path(study):
    return small_study.write_root()


def spoil(path, **changes):
    """Write a root with other content, and with the hash that belongs to it."""
    content = json.loads(path.read_text()) | changes
    del content["root"]
    files.write_json(path, {**content, "root": files.json_sha256(content)})


def test_a_root_fixes_configuration_rules_and_records(path):
    assert path == Path("provenance/roots/s.json")
    content = root.read("s")
    assert content["study_file"] == {"path": CONFIG, "sha256": files_sha256(CONFIG)}
    assert content["rules"]["fit"] == "python -m scaletrace.job fit"
    assert content["records"].keys() == {str(path) for path in ledger.paths("s")}
    assert content["records"][RECORD] == {
        "id": small_study.record().record.id,
        "sha256": files_sha256(RECORD),
    }


def test_its_hash_is_over_all_the_rest(path):
    content = root.read("s")
    stated = content.pop("root")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert stated == hashlib.sha256(text.encode()).hexdigest()


def test_files_are_compared_with_it(path):
    assert root.changed_since(root.read("s")) == []
    edit(CONFIG, "study", "# mine\nstudy")
    Path(RECORD).unlink()
    # Results are the records' concern.
    Path(TABLE).unlink()
    assert root.changed_since(root.read("s")) == [
        f"{CONFIG}: changed since the study was recorded",
        f"{RECORD}: missing since the study was recorded",
    ]


def test_a_history_is_fixed_file_by_file(path):
    assert "history" not in root.read("s")
    small_study.tell()
    small_study.write_root()
    held = root.read("s")["history"]
    assert held == {str(one): files_sha256(one) for one in History("s").paths}
    assert len(held) == 2
    for one in held:
        Path(one).unlink()
    lines = root.changed_since(root.read("s"))
    assert lines == [f"{one}: missing since the study was recorded" for one in sorted(held)]


def test_an_edit_is_found_by_its_hash(path):
    edit(path, "scaletrace.job fit", "scaletrace.job other")
    with pytest.raises(BadInput, match=r"roots/s\.json: no readable study root \(root: found"):
        root.read("s")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"study": "other"}, "study_file: found 'config/s.yaml'"),
        ({"rules": {"fit": 1}}, "a rule is not a command"),
        ({"records": {"../x": {"id": "0" * 64, "sha256": "0" * 64}}}, "leads out"),
        ({"records": {"x": {"id": "0", "sha256": "0" * 64}}}, "a hash is not one"),
        ({"history": {"provenance/history/t/x": "0" * 64}}, "history: a path of something"),
        ({"history": {"provenance/history/s/../../x": "0" * 64}}, "leads out"),
        ({"records": []}, "no readable study root"),
        ({"study_file": None}, "no readable study root"),
    ],
)
def test_what_is_of_another_form_is_refused(path, changes, said):
    spoil(path, **changes)
    with pytest.raises(BadInput, match=said):
        root.read("s")


def test_other_bytes_of_the_same_meaning_are_refused(path):
    path.write_text(json.dumps(json.loads(path.read_text())), encoding="utf-8")
    with pytest.raises(BadInput, match="not in the form that"):
        root.read("s")


def test_a_study_without_root(folder):
    with pytest.raises(BadInput, match=r"provenance/roots/s\.json: no readable study root"):
        root.read("s")


def test_a_root_of_an_earlier_release_is_read_as_it_is(study):
    earlier = Path(__file__).parents[1] / "formats/earlier/root.json"
    path = root.path_of("example")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(earlier.read_bytes())
    content = root.read("example")
    assert len(content["records"]) == 165
    assert "accepted" not in content
