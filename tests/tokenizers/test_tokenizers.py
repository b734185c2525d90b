import numpy as np
import pytest

from scaletrace.errors import BadInput
from scaletrace.tokenizers import dtype, require_size, tokenizer


@pytest.mark.parametrize(("size", "name"), [(65_536, "<u2"), (65_537, "<u4")])
def test_dtype_holds_every_id(size, name):
    assert dtype(size).str == name
    assert np.iinfo(dtype(size)).max >= size - 1


def test_a_vocabulary_of_no_kind_that_is_known_is_refused():
    with pytest.raises(
        BadInput, match="tokenizers: found 'letters'; allowed are basic_english, bpe"
    ):
        tokenizer('{"kind": "letters"}')


def test_fewer_ids_than_are_asked_for_are_refused():
    require_size(300, 300)
    with pytest.raises(BadInput, match=r"vocabulary\.size: 301; this corpus gives at most 300"):
        require_size(301, 300)
