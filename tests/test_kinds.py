import sys

import pytest

from scaletrace import kinds
from scaletrace.errors import BadInput


def test_a_kind_is_loaded_by_the_name_that_a_study_writes():
    kind = kinds.load("corpora", "wikitext-2")
    assert kind is sys.modules[kinds.module("corpora", "wikitext-2")]
    assert kind.__name__ == "scaletrace.corpora.wikitext_2"
    assert "wikitext_2" in kinds.names("corpora")
    assert kinds.summary(kind).startswith("WikiText-2 with its official splits (")


@pytest.mark.parametrize("name", ["", "web", "files.x", "..files", "x" * 500, "docstrings\0"])
def test_a_name_of_no_kind_is_refused_with_those_that_there_are(name):
    with pytest.raises(BadInput, match=r"^corpora: found '.{0,90}'; allowed are docstrings, files"):
        kinds.load("corpora", name)


def test_what_a_kind_itself_lacks_is_not_taken_for_a_kind_that_is_missing(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("import no_such_module_at_all\n", encoding="utf-8")
    monkeypatch.setattr("scaletrace.corpora.__path__", [str(tmp_path)])
    assert kinds.names("corpora") == ("broken",)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        kinds.load("corpora", "broken")
