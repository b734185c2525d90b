import importlib.metadata

import pytest

from scaletrace.corpora.docstrings import PACKAGE_BYTES, Keys
from scaletrace.errors import BadInput
from tests.corpora.stage import SPLITS, assert_same_files, check_manifest, run


def settings(version: str | None = None, **changes):
    version = version or importlib.metadata.version("networkx")
    return {
        "source": "docstrings",
        "packages": {"networkx": version},
        "valid": 0.05,
        "test": 0.05,
    } | changes


def test_reads_an_installed_package_and_repeats_itself(tmp_path):
    made = run(tmp_path / "first", settings())
    check_manifest(tmp_path / "first", made)
    texts = {split: {document["text"] for document in made[split]} for split in SPLITS}
    assert sum(map(len, texts.values())) == len(set.union(*texts.values())) > 1000
    assert all(len(text) > 200 for split in texts.values() for text in split)
    everything = [document for split in SPLITS for document in made[split]]
    by_source = {document["source"]: document["text"] for document in everything}
    assert by_source["networkx/classes/graph.py:Graph"].startswith(
        "Base class for undirected graphs."
    )
    assert made["manifest"]["packages"] == settings()["packages"]
    run(tmp_path / "second", settings())
    assert_same_files(tmp_path / "first", tmp_path / "second")


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        ({"networkx": "0.1"}, r"corpus\.packages\.networkx: 0\.1; .* is installed"),
        ({"no-such-package-here": "1"}, r"corpus\.packages\.no-such-package-here: 1; no such"),
    ],
)
def test_other_versions_are_refused(tmp_path, packages, message):
    with pytest.raises(BadInput, match=message):
        run(tmp_path, settings(packages=packages))
    assert list(tmp_path.iterdir()) == []


def test_a_split_without_documents_is_refused(tmp_path):
    with pytest.raises(
        BadInput, match=r"documents falls to the test split .* test: 0.*; name more"
    ):
        run(tmp_path, settings(test=0.0))
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_names_packages_is_told_their_versions():
    keys = Keys.model_validate({"source": "docstrings", "packages": ["torch", "networkx"]})
    versions = keys.package_versions({"networkx": "0.1"})
    assert list(versions) == ["torch", "networkx"]
    assert versions["networkx"] == importlib.metadata.version("networkx")
    assert "+" not in versions["torch"]
    assert (keys.raw_files(), keys.named_paths()) == ([], [])
    assert keys.text_bytes([]) == 2 * PACKAGE_BYTES
    assert vars(keys.settings(versions)) == {
        "source": "docstrings",
        "valid": 0.05,
        "test": 0.05,
        "packages": versions,
    }


def test_a_package_that_is_neither_installed_nor_recorded_is_named_with_its_place():
    keys = Keys.model_validate(
        {"source": "docstrings", "packages": ["networkx", "no-such-package-here"]}
    )
    with pytest.raises(BadInput, match=r"corpus\.packages\[1\]: found 'no-such-package-here'"):
        keys.package_versions({})
    assert keys.package_versions({"no-such-package-here": "0.1"})["no-such-package-here"] == "0.1"
