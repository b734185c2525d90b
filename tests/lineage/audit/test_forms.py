"""JSON that two readers may take for two things."""

from pathlib import Path

import pytest

from scaletrace.lineage.audit import forms
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIT, edit, text


def found():
    return {(one.file, one.field): one.found for one in forms.check(small_study.scope())}


def test_what_jobs_write_is_taken_alike(study):
    assert found() == {}


def test_a_name_that_stands_twice(study):
    edit(EVALUATION, '"loss": 2.5', '"loss": 2.0,\n  "loss": 2.5')
    assert found() == {(EVALUATION, "form"): "'loss' stands there twice"}


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number(study, constant):
    edit(EVALUATION, '"loss": 2.5', f'"loss": {constant}')
    assert found() == {(EVALUATION, "form"): f"{constant} is no number"}


@pytest.mark.parametrize("content", ["", "[" * 100_000, '{"a": 1', "\ud800"])
def test_what_is_no_json(study, content):
    Path(FIT).write_bytes(content.encode(errors="surrogatepass"))
    assert found().keys() == {(FIT, "form")}


def test_a_number_with_any_digits_is_no_concern_of_its_form(study):
    text(FIT, f'{{"a": {"1" * 5000}}}')
    assert found() == {}


def test_what_is_missing_is_the_concern_of_hashes(study):
    Path(FIT).unlink()
    assert found() == {}
