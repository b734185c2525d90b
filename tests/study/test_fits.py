"""The fits of a study: names, settings, and what is refused before anything runs."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scaletrace import contract, kinds
from scaletrace.errors import BadInput
from scaletrace.stages import fit as stage
from scaletrace.stages import observe
from scaletrace.study import fits
from scaletrace.study.config import load
from scaletrace.study.plan import Plan

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "config/tiny.yaml").read_text(encoding="utf-8"))
ISOFLOP = {"flops": [1e9, 2e9, 4e9], "training": TINY["training"] | {"warmup": 64}}
PLAIN = {
    **{"n": "n_non_embedding", "d": "n_tokens", "flops": "flops_exact"},
    **{"loss": "loss", "cluster": "size"},
}


def plan(tmp_path, *entries, **keys) -> Plan:
    content = {**TINY, **keys, "fits": list(entries)}
    if "flops" in keys:
        del content["budgets"]
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return Plan(load(path))


def settings(tmp_path, *entries, **keys) -> dict[str, dict]:
    fits = plan(tmp_path, *entries, **keys).fits()
    return {name: contract.plain(chosen) for name, chosen in fits.items()}


def refusal(tmp_path, *entries, **keys) -> list[str]:
    with pytest.raises(BadInput) as caught:
        plan(tmp_path, *entries, **keys)
    return str(caught.value).splitlines()


def test_a_name_alone_gives_the_settings_that_recorded_fits_have(tmp_path):
    assert settings(tmp_path, "power_n", "kaplan", {"law": "chinchilla"}) == {
        "power_n-32k": {"law": "power_n", "budget": "32k", **PLAIN},
        "power_n-48k": {"law": "power_n", "budget": "48k", **PLAIN},
        "kaplan": {"law": "kaplan", "budget": None, **PLAIN},
        "chinchilla": {"law": "chinchilla", "budget": None, **PLAIN},
    }


def test_a_default_that_is_written_out_changes_no_settings(tmp_path):
    written = {"law": "chinchilla", "objective": "huber", "delta": 1e-3, "per": "all", "fixed": {}}
    written |= {"n": "n_non_embedding", "compare": [], "unit": "cluster", "resamples": 1000}
    assert settings(tmp_path, written) == settings(tmp_path, "chinchilla")


@pytest.mark.parametrize("law", kinds.names("laws"))
def test_every_law_of_runs_can_stand_in_a_study(tmp_path, law):
    if kinds.load("laws", law).LAW.describes != "loss":
        assert refusal(tmp_path, law)[0].endswith("is a law of optima, not of a study's runs")
        (said,) = refusal(tmp_path, {"law": "chinchilla", "compare": [law]})
        assert said == f"fits[0].compare: {law} is a law of optima, not of a study's runs"
        return
    if kinds.load("laws", law).LAW.along is not None:
        (said,) = refusal(tmp_path, law)
        assert said.startswith(f"fits[0].law: {law} is a law of loss curves")
        (said,) = refusal(tmp_path, {"law": "chinchilla", "compare": [law]})
        assert said.startswith(f"fits[0].compare: {law} is a law of loss curves")
        return
    chosen = settings(tmp_path, {"law": law, "per": "all"})
    assert chosen == {law: {"law": law, "budget": None, **PLAIN}}


def test_options_are_those_of_the_command(tmp_path):
    options = {
        **{"n": "n_total", "flops": "flops_6nd", "unique": "unique_tokens", "cluster": "budget"},
        **{"loss": "bits_per_byte", "weighted": False, "seed_column": "seed"},
        **{"objective": "asymmetric", "delta": 1e-2, "above": 0.1, "fixed": {"E": 1.5}},
        **{"drop_highest": 2, "unit": "observation", "resamples": 200, "seed": 3, "level": 0.9},
        **{"compare": ["kaplan", "broken"], "sensitivity": True},
    }
    chosen = settings(tmp_path, {"law": "chinchilla", "name": "mine", **options})
    assert chosen == {"mine": {"law": "chinchilla", "budget": None, **PLAIN, **options}}


def test_every_setting_of_a_fit_is_a_key_and_every_column_is_in_the_table():
    keys = fits.StudyFit.model_fields.keys() - {"name", "per"}
    of_any_table = {"where", "scale", "metric", "envelope", "multiplier"}
    assert keys | {"budget", "family"} | of_any_table == set(stage.Settings.__dataclass_fields__)
    properties = fits.StudyFit.model_json_schema()["properties"]
    for key in ("n", "d", "flops", "unique", "loss", "loss_se", "cluster", "seed_column"):
        text = next(option for option in properties[key]["anyOf"] if option["type"] == "string")
        assert set(text.get("enum", [text.get("const")])) <= set(observe.COLUMNS), key


def test_one_law_may_be_fitted_in_several_ways(tmp_path):
    chosen = settings(
        tmp_path,
        "power_n",
        {"law": "power_n", "name": "least-squares", "objective": "squared_log"},
        {"law": "power_n", "name": "all", "per": "all"},
        model={"context": 32, "family": ["decoder", "encoder_textbook"]},
    )
    assert list(chosen) == [
        *("power_n-32k", "power_n-48k"),
        *("power_n-encoder_textbook-32k", "power_n-encoder_textbook-48k"),
        *("least-squares-32k", "least-squares-48k"),
        *("least-squares-encoder_textbook-32k", "least-squares-encoder_textbook-48k"),
        *("all", "all-encoder_textbook"),
    ]
    assert chosen["all-encoder_textbook"]["family"] == "encoder_textbook"


def test_a_study_of_flops_has_its_isoflop_analysis(tmp_path):
    chosen = settings(tmp_path, {"law": "chinchilla", "isoflop": True}, **ISOFLOP)
    assert chosen == {"chinchilla": {"law": "chinchilla", "budget": None, **PLAIN, "isoflop": True}}


def test_a_fit_to_other_columns_than_the_figures_is_drawn_in_none(tmp_path):
    both = plan(tmp_path, "chinchilla", {"law": "kaplan", "n": "n_total"})
    assert both.drawn_fits() == ["chinchilla"]
    assert "residuals" in both.figures()
    alone = plan(tmp_path, {"law": "kaplan", "n": "n_total"})
    assert "residuals" not in alone.figures()


@pytest.mark.parametrize(
    ("entry", "keys", "said"),
    [
        ("cubic", {}, "fits[0].law: found 'cubic'; input should be 'annealing', 'broken'"),
        ({"law": "kaplan", "detla": 1}, {}, "fits[0].detla: unknown key"),
        ({"law": "kaplan", "delta": 0}, {}, "fits[0].delta: found 0"),
        ({"law": "kaplan", "n": "params"}, {}, "fits[0].n: found 'params'"),
        ({"law": "kaplan", "resamples": 10}, {}, "fits[0].resamples: found 10"),
        (
            {"law": "kaplan", "name": "No"},
            {},
            "fits[0].name: found 'No'; allowed are small letters",
        ),
        ({"law": "kaplan", "compare": ["cubic"]}, {}, "fits[0].compare[0]: found 'cubic'"),
        ({"law": "kaplan", "fixed": {"E": 1}}, {}, "fits[0].fixed: kaplan has no parameter 'E'"),
        ({"law": "power_d", "fixed": {"E": -1}}, {}, "fits[0].fixed: E held at -1.0"),
        ({"law": "power_d", "unit": "seed"}, {}, "fits[0].unit: resampling seeds needs"),
        ({"law": "power_d", "loss": "perplexity"}, {}, "fits[0].weighted: loss_se is the standard"),
        ({"law": "kaplan", "isoflop": True}, {}, "fits[0].isoflop: needs runs of at least 3"),
        ({"law": "power_c", "isoflop": True}, ISOFLOP, "fits[0].isoflop: needs a law of N and D"),
        (
            {"law": "kaplan", "isoflop": True, "flops": "flops_6nd"},
            ISOFLOP,
            "fits[0].isoflop: needs runs of equal FLOPs, and they are equal in flops_exact",
        ),
        (
            {"law": "kaplan", "isoflop": True},
            {**ISOFLOP, "flops": [1e9, 2e9]},
            "fits[0].isoflop: needs at least 3 budgets with 5 runs each; the study has 2",
        ),
        (
            {"law": "chinchilla", "per": "budget"},
            {},
            "fits[0].per: chinchilla needs runs of different D: give several budgets; all of "
            "budget 32k have n_tokens 32000",
        ),
        ("power_d", {"budgets": [32_000]}, "fits[0].law: power_d needs runs of different D"),
    ],
)
def test_what_no_fit_can_be_is_refused_by_its_key(tmp_path, entry, keys, said):
    (line,) = refusal(tmp_path, entry, **keys)
    assert said in line


def test_all_faults_are_told_at_once_and_two_fits_of_one_name_are_one(tmp_path):
    entries = ["kaplan", {"law": "kaplan", "delta": 0.1}, {"law": "power_d", "unit": "seed"}]
    lines = refusal(tmp_path, *entries, {"law": "kaplan", "name": "x", "fixed": {"E": 1, "F": 2}})
    assert [line.partition(":")[0] for line in lines] == [
        *("fits[1]", "fits[2].unit", "fits[3].fixed", "fits[3].fixed"),
    ]
    assert "another fit is called kaplan too" in lines[0]


def test_check_names_the_file_on_every_line(tmp_path):
    with pytest.raises(BadInput):
        plan(tmp_path, {"law": "power_d", "unit": "seed"}, {"law": "kaplan", "isoflop": True})
    path = tmp_path / "study.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "scaletrace.cli", "check", str(path)],
        **{"cwd": ROOT, "capture_output": True, "text": True},
    )
    assert done.returncode == 2
    assert all(f"{path}: fits[" in line for line in done.stderr.splitlines())
    assert done.stderr.count("\n") == 2


def test_planning_imports_no_numbers():
    command = (
        "import sys, scaletrace.study.plan; "
        "print({'numpy', 'scipy', 'torch', 'scaletrace.laws.power_n'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_only_the_laws_in_use_are_loaded_by_name():
    chosen = stage.Settings(law="chinchilla", budget=None, compare=["kaplan", "chinchilla"])
    assert contract.kinds(stage, chosen) == ("scaletrace.laws.chinchilla", "scaletrace.laws.kaplan")


def test_the_documentation_of_the_keys_has_every_law_and_option():
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    for law in kinds.names("laws"):
        assert f"| `{law}` | {kinds.summary(kinds.load('laws', law))} |" in text
    for key in fits.StudyFit.model_fields:
        assert f"`{key}`" in text, key
