"""One list of pins: requirements.lock, which everything else refers to."""

import itertools
import re
import tomllib
from importlib import metadata
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PINS = dict(
    line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if line
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_line_of_the_lock_is_a_pin():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9A-Za-z.]+", line) for line in lines)


def test_the_lock_pins_every_dependency():
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *itertools.chain(*extras)]
    names = {normal(re.split(r"[ <>=]", line)[0]) for line in wanted}
    assert names <= {normal(name) for name in PINS}


def test_conda_takes_its_pins_from_the_lock():
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = content["dependencies"]
    assert pip == {"pip": ["--requirement requirements.lock", "--editable ."]}
    assert not [entry for entry in conda if re.search(r"=\d", entry.replace(">=", ""))]


def test_what_is_installed_is_what_the_lock_says():
    differing = {
        name: (pin, metadata.version(name))
        for name, pin in PINS.items()
        if metadata.version(name).partition("+")[0] != pin
    }
    assert differing == {}
