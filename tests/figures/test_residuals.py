import json

from tests.figures.made_study import MadeStudy


def test_residuals_are_the_fits_against_n(made: MadeStudy):
    made.fit("power_d")
    rows = made.table("residuals")
    n_of = {row["run"]: row["n_non_embedding"] for row in made.rows}
    for path in made.fits:
        wanted = {r["run"]: r["log_residual"] for r in json.loads(path.read_text())["residuals"]}
        points = [r for r in rows if r["kind"] == "point" and r["source"] == str(path)]
        assert {r["run"]: float(r["y"]) for r in points} == wanted
        assert all(float(r["x"]) == n_of[r["run"]] for r in points)
