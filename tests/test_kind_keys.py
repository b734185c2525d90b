from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from scaletrace.corpora import Source, files, wikitext_2
from scaletrace.kind_keys import OneOf


class Text(BaseModel):
    corpus: Annotated[Source, OneOf("corpora", "source")]


def test_the_keys_are_those_of_the_kind_that_is_named():
    given = {"source": "files", "paths": ["a.txt"]}
    corpus = Text.model_validate({"corpus": given}).corpus
    assert isinstance(corpus, files.Keys)
    assert (corpus.paths, corpus.document) == (["a.txt"], "file")
    again = Text.model_validate({"corpus": {"source": "wikitext-2"}}).corpus
    assert isinstance(again, wikitext_2.Keys)


@pytest.mark.parametrize("given", [{}, {"source": "web"}, {"source": "wikitext-2", "paths": []}])
def test_what_no_kind_knows_is_refused(given):
    with pytest.raises(ValidationError):
        Text.model_validate({"corpus": given})


def test_the_schema_describes_every_kind_by_its_file():
    schema = Text.model_json_schema()
    described = {keys["title"]: keys["description"] for keys in schema["$defs"].values()}
    assert described["files"] == "The user's own UTF-8 text."
    mapping = schema["properties"]["corpus"]["discriminator"]["mapping"]
    assert set(mapping) == {"docstrings", "files", "wikitext-2"}
