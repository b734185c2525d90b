"""What is installed, and what results depend on."""

from importlib import metadata

import pytest

from scaletrace.jobs import libraries


def test_what_computes_is_what_is_required_and_what_that_requires():
    computing = libraries.computing()
    assert {"torch", "numpy", "matplotlib", "pillow", "fonttools"} <= computing.keys()
    assert computing["numpy"] == metadata.version("numpy")
    # Neither what starts jobs and moves files, nor what tests, nor the package itself.
    assert not {"dvc", "snakemake", "pulp", "pytest", "scaletrace"} & computing.keys()


def test_all_that_is_installed_is_named_in_lower_case():
    installed = libraries.installed()
    assert installed.items() >= {"pytest": metadata.version("pytest")}.items()
    assert all(name == name.lower() for name in installed)


@pytest.fixture
def afresh():
    """What is installed is looked up anew, now and afterwards."""

    def forget():
        for known in (libraries._installed, libraries.computing, libraries.records):
            known.cache_clear()

    forget()
    yield
    forget()


def install(folder, name, record, *needs):
    """Write what pip leaves of a distribution."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    said = "".join(f"Requires-Dist: {one}\n" for one in needs)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{said}"
    (info / "METADATA").write_text(about, encoding="utf-8")
    (info / "RECORD").write_text(record, encoding="utf-8")


def test_what_the_extra_needs_computes_and_other_extras_do_not(tmp_path, monkeypatch, afresh):
    needs = ("base", 'trains; extra == "workflow"', 'dvc; extra == "run"', 'tests; extra == "test"')
    install(tmp_path, "scaletrace", "", *needs)
    install(tmp_path, "base", "", 'other; extra == "workflow"')
    for name in ("trains", "dvc", "tests", "other"):
        install(tmp_path, name, "")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert list(libraries.computing()) == ["base", "trains"]
    assert libraries.has("Tests")
    assert not libraries.has("absent")


def test_a_wheel_has_one_hash_in_every_environment(tmp_path, monkeypatch, afresh):
    wheel = "base/a.py,sha256=a,10\nbase/b.py,sha256=b,10\n"
    script = "../../bin/base,sha256={},200\nbase-1.0.dist-info/INSTALLER,sha256={},4\n"
    compiled = "base/__pycache__/a.cpython-311.pyc,,\n"
    kinds = {
        "one": wheel + script.format("x", "y"),
        "two": script.format("z", "w") + compiled + wheel,
        "changed": wheel.replace("sha256=b", "sha256=c"),
    }
    hashes = {}
    for name, record in kinds.items():
        libraries._installed.cache_clear()
        libraries.computing.cache_clear()
        libraries.records.cache_clear()
        folder = tmp_path / name
        folder.mkdir()
        install(folder, "scaletrace", "", "base")
        install(folder, "base", record)
        monkeypatch.setattr("sys.path", [str(folder)])
        (hashes[name],) = libraries.records().values()
    assert hashes["one"] == hashes["two"] != hashes["changed"]
