import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.stages import corpus


def test_the_settings_are_those_of_the_source_whose_module_runs():
    given = {"source": "wikitext-2", "path": None}
    settings = contract.settings_from(corpus, given)
    assert contract.plain(settings) == given
    assert contract.kinds(corpus, settings) == ("scaletrace.corpora.wikitext_2",)


@pytest.mark.parametrize("source", ["web", "", "docstrings.x", None, 3, "../files", "a" * 500])
def test_a_source_that_is_none_is_refused(source):
    with pytest.raises(BadInput, match=r"corpora: found .*; allowed are docstrings, files, wiki"):
        contract.settings_from(corpus, {"source": source})


def test_settings_of_another_source_are_refused():
    with pytest.raises(BadInput, match=r"settings\.packages: no such setting"):
        contract.settings_from(corpus, {"source": "wikitext-2", "path": None, "packages": {}})
