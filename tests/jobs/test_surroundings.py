import pytest

from scaletrace.jobs.surroundings import uses_gpu


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"model": {}}, False),
        ({"compute": {"device": "cpu", "processes": 2}}, False),
        ({"compute": {"device": "cuda", "processes": 2}}, True),
        ({"split": "valid", "device": "cuda"}, True),
        ({"compute": "cuda"}, False),
    ],
)
def test_settings_tell_whether_a_job_used_a_gpu(settings, answer):
    assert uses_gpu(settings) == answer
