"""What is installed, and what results depend on."""

from importlib import metadata

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
