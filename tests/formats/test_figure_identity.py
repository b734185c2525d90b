import contextlib
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from scaletrace.drawing import style
from scaletrace.drawing.rows import Row, SourceFile, sources, to_csv
from scaletrace.errors import BadInput
from scaletrace.formats.figure_identity import identity_text, read_identity

FORMS = ("pdf", "svg", "png", "csv")
ROWS = [
    Row("1M", "point", SourceFile("results/a (b)/observations.csv", "0" * 64), 1.0, 2.0),
    Row("fit", "curve", SourceFile("results/a (b)/fits/é\\.json", "f" * 64), 1.0, 2.0),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("figure")
    outputs = {form: folder / f"copy of a figure.{form}" for form in FORMS}
    text = to_csv("demo", "residuals", ROWS)
    outputs["csv"].write_text(text, encoding="utf-8", newline="\n")
    digest = hashlib.sha256(text.encode()).hexdigest()
    with style.house_style():
        figure, _ = style.new_figure("", 1.0)
        style.save(figure, outputs, identity_text("demo", "residuals", digest, sources(ROWS)))
    return outputs


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same_of_itself(files: dict[str, Path], form: str):
    assert read_identity(files[form]) == {
        "study": "demo",
        "figure": "residuals",
        "csv_sha256": hashlib.sha256(files["csv"].read_bytes()).hexdigest(),
        "sources": {
            "results/a (b)/observations.csv": "0" * 64,
            "results/a (b)/fits/é\\.json": "f" * 64,
        },
    }


def test_other_programs_read_it_too(files: dict[str, Path]):
    from PIL import Image

    with Image.open(files["png"]) as image:
        assert json.loads(image.info["Description"])["scaletrace"] == read_identity(files["png"])


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_file_gives_a_message_or_another_identity_never_a_traceback(
    files: dict[str, Path], form: str, tmp_path: Path
):
    content = files[form].read_bytes()
    rng = random.Random(form)
    for _ in range(150):
        damaged = bytearray(content)
        near_an_end = rng.randrange(min(len(damaged), 1500))
        damaged[rng.choice((near_an_end, -1 - near_an_end))] = rng.randrange(256)
        if rng.random() < 0.2:
            del damaged[rng.randrange(len(damaged)) :]
        copy = tmp_path / f"x.{form}"
        copy.write_bytes(damaged)
        with contextlib.suppress(BadInput):
            identity = read_identity(copy)
            assert set(identity) == {"study", "figure", "csv_sha256", "sources"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b""),
        ("a.png", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff"),
        ("a.pdf", b"%PDF-1.4 /Keywords ({}) /Keywords (" + b"[" * 100_000 + b")"),
        ("a.svg", b"<svg><dc:description>{&quot;scaletrace&quot;: 1}</dc:description></svg>"),
        ("a.csv", b"study,figure\na\n"),
        ("a.csv", b"\xff\xfe"),
        ("a.csv", b"study,figure,source,source_sha256\na,b,c,d\n"),
        ("a.jpg", b"anything"),
    ],
)
def test_a_file_without_identity_is_refused(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=name):
        read_identity(tmp_path / name)


def test_two_identities_are_one_too_many(files: dict[str, Path], tmp_path: Path):
    copy = tmp_path / "a.svg"
    copy.write_bytes(files["svg"].read_bytes() * 2)
    with pytest.raises(BadInput, match="2 identities"):
        read_identity(copy)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadInput, match=r"gone\.pdf: cannot be read"):
        read_identity(tmp_path / "gone.pdf")


def test_reading_does_not_load_the_drawing_library():
    program = "import sys, scaletrace.formats.figure_identity; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
