"""Values that count as one."""

import numpy as np

from scaletrace.fitting.design import ALIKE, alike, distinct


def test_values_close_to_one_another_are_one_and_many_of_them_no_chain():
    assert alike(np.array([2.0, 1.0, 2.0005, 1.0004, 3.0])).tolist() == [1, 0, 1, 0, 2]
    dense = np.exp(np.linspace(0.0, 1.0, 100_000))
    assert 900 <= distinct(dense) <= 1000
    codes = alike(dense)
    spans = [np.ptp(np.log(dense[codes == code])) for code in (0, codes.max())]
    assert max(spans) <= ALIKE
