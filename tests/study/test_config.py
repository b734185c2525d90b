"""Study files: what is accepted, and what each refusal says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.jobs.planned import open_graph
from scaletrace.study.config import Ladder, load
from scaletrace.study.schema import schema, table, with_table
from scaletrace.workflow import study_file

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((ROOT / "config/tiny.yaml").read_text(encoding="utf-8"))
LACKING = "needed are wiki.train, wiki.valid and wiki.test, all three as .tokens or all three as"


def with_change(tmp_path, *keys, value):
    """Write the tiny study with one key changed (or removed, where value is ...)."""
    study = json.loads(json.dumps(TINY))
    place = study
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path


def refusal(path):
    with pytest.raises(BadInput) as caught:
        open_graph(path)
    return str(caught.value)


def wikitext_folder(tmp_path, names):
    folder = tmp_path / "wikitext"
    folder.mkdir()
    for name in names:
        (folder / name).write_text(" = Title = \n", encoding="utf-8")
    return folder


def with_wikitext(tmp_path, path):
    return with_change(tmp_path, "corpus", value={"source": "wikitext-2", "path": str(path)})


def test_every_study_of_the_repository_is_sound():
    for path in sorted((ROOT / "config").glob("*.yaml")):
        assert open_graph(path).study == path.stem


def test_the_schema_file_is_the_models_own():
    assert (ROOT / "config/schema.json").read_text(encoding="utf-8") == schema()


def test_the_page_of_study_files_knows_every_kind_by_its_own_words():
    page = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert with_table(page) == page
    assert "| `corpus.source` | `wikitext-2` | WikiText-2 with its official splits (" in table()
    for folder in ("corpora", "tokenizers", "families"):
        for name in kinds.names(folder):
            assert f"| {kinds.summary(kinds.load(folder, name))} |" in page


def test_every_key_of_the_schema_is_described():
    definitions = json.loads(schema())
    sections = [definitions, *definitions["$defs"].values()]
    bare = [
        f"{section['title']}.{name}"
        for section in sections
        for name, key in section["properties"].items()
        if "description" not in key
        and "const" not in key
        and "$ref" not in key
        and not any("$ref" in option for option in key.get("anyOf", key.get("oneOf", [])))
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (["sizes", "d8-l1", "heads"], 3, ["sizes.d8-l1: width 8 with 3 heads", "multiple"]),
        (["budgets"], [63], ["budgets: 63 tokens are below one batch", "64"]),
        (["budgets"], [32_000, 32_000], ["budgets: 32000 stands twice"]),
        (["sizes", "d8-l1", "seeds"], [1, 1], ["sizes.d8-l1.seeds: 1 stands twice"]),
        (["sizes", "d8-l1", "seeds"], [], ["sizes.d8-l1.seeds: found []", "at least 1 item"]),
        (["budgets"], [-5], ["budgets[0]: found -5", "greater than 0"]),
        (["budgets"], [2_000], ["budgets: 2000: 31 steps", "warm-up", "2112"]),
        (["training", "learning_rate", "value"], float("nan"), ["value: found nan", "finite"]),
        (["training", "learning_rate", "value"], float("inf"), ["value: found inf", "finite"]),
        (["training", "learning_rate", "value"], -1, ["learning_rate.value: found -1"]),
        (["training", "cooldown"], 1.5, ["training.cooldown: found 1.5", "less than 1"]),
        (["training", "batch_tokens"], 65, ["training.batch_tokens: 65", "model.context (32)"]),
        (["training", "device"], "cuda", ["training: gpu_memory: missing", "GiB"]),
        (["training", "gpu_memory"], 80, ["training: gpu_memory and cuda_graphs are for device"]),
        (["training", "device"], "tpu", ["training.device: found 'tpu'", "'cuda'"]),
        (["sizes", "d8-l1", "gpus"], 0, ["sizes.d8-l1.gpus: found 0"]),
        (["sizes", "d8-l1", "gpus"], 3, ["sizes.d8-l1.gpus: 3 cannot share a batch", "96"]),
        (["training", "lerning_rate"], 1, ["training.lerning_rate: unknown key"]),
        (["vocabulary"], {"kind": "letters"}, ["vocabulary", "letters", "'bpe'"]),
        (["vocabulary", "size"], 100, ["vocabulary.size: found 100", "257"]),
        (["corpus", "source"], "web", ["corpus", "web", "'docstrings'"]),
        (["corpus", "packages"], ["no-such-thing"], ["corpus.packages[0]", "no-such-thing"]),
        (["study"], "../outside", ["study: found '../outside'", "small letters"]),
        (["study"], "a/b", ["study: found 'a/b'"]),
        (["study"], ..., ["study: missing"]),
        (["exclude"], {"d9-l1-s0-32k": "odd"}, ["exclude.d9-l1-s0-32k: no run", "d8-l1-s0-32k"]),
        (["flops"], [1e12], ["either `budgets` (tokens) or `flops`"]),
        (["sizes"], {}, ["either `sizes` or `ladder`"]),
        (["evaluation", "tokens"], 8, ["evaluation.tokens: 8 is below one context"]),
        (
            ["corpus"],
            {"source": "files", "paths": ["missing/*.txt"]},
            ["corpus.paths[0]", "missing/*.txt"],
        ),
        (
            ["corpus"],
            {"source": "wikitext-2", "path": "nowhere.zip"},
            ["corpus.path", "nowhere.zip"],
        ),
    ],
)
def test_a_bad_study_is_refused_with_key_value_and_remedy(tmp_path, keys, value, said):
    path = with_change(tmp_path, *keys, value=value)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    for part in said:
        assert part in message


def test_the_same_architecture_under_two_names_is_refused(tmp_path):
    path = with_change(tmp_path, "sizes", "twin", value=TINY["sizes"]["d8-l1"])
    assert "sizes.twin and sizes.d8-l1 are the same architecture" in refusal(path)


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    text = (ROOT / "config/tiny.yaml").read_text(encoding="utf-8")
    path.write_text(text + "study: other\n", encoding="utf-8")
    assert "the key 'study' stands twice" in refusal(path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "without wiki.train.tokens, wiki.valid.tokens, wiki.test.tokens; " + LACKING),
        (["wiki.train.tokens", "wiki.test.tokens"], "without wiki.valid.tokens; " + LACKING),
        (["wiki.test.raw", "wiki.train.raw"], "without wiki.valid.raw; " + LACKING),
        (["wiki.train.tokens", "wiki.valid.raw", "wiki.test.raw"], "without wiki.train.raw; "),
    ],
)
def test_a_folder_without_all_of_wikitext_is_told_what_it_lacks(tmp_path, names, said):
    folder = wikitext_folder(tmp_path, names)
    message = refusal(with_wikitext(tmp_path, folder))
    assert f"corpus.path: found '{folder}', a folder " in message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("variants", "read"), [(["tokens"], "tokens"), (["raw"], "raw"), (["raw", "tokens"], "tokens")]
)
def test_of_a_folder_one_variant_of_wikitext_is_read_and_nothing_else(tmp_path, variants, read):
    names = [f"wiki.{split}.{end}" for end in variants for split in ("train", "valid", "test")]
    folder = wikitext_folder(tmp_path, ["README", ".hidden", "wiki.extra.tokens", *names])
    files = open_graph(with_wikitext(tmp_path, folder)).estimates.raw_files
    assert files == [f"{folder}/wiki.{split}.{read}" for split in ("test", "train", "valid")]


def test_a_file_that_is_no_zip_is_not_taken_for_wikitext(tmp_path):
    folder = wikitext_folder(tmp_path, ["wiki.train.tokens"])
    message = refusal(with_wikitext(tmp_path, folder / "wiki.train.tokens"))
    assert f"corpus.path: found '{folder}/wiki.train.tokens', which is not a whole zip" in message
    assert "\n" not in message


def test_a_vocabulary_larger_than_the_text_can_give_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("0123456789", encoding="utf-8")
    path = with_change(tmp_path, "corpus", value={"source": "files", "paths": ["text.txt"]})
    assert "vocabulary.size: found 320" in refusal(path)
    assert "at most 267" in refusal(path)


@pytest.mark.parametrize("text", ["", "- 1\n", "study: [", "study: \x00", "a: 1\n? [1]\n: 2\n"])
def test_what_is_no_study_at_all_is_one_message(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    assert str(path) in refusal(path)


def test_scientific_notation_means_a_number_of_tokens(tmp_path):
    path = tmp_path / "study.yaml"
    text = (ROOT / "config/tiny.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("[32_000, 48_000]", "[3.2e4, 48.0e+3]"), encoding="utf-8")
    assert load(path).budgets == [32_000, 48_000]


def test_a_ladder_gives_one_size_per_width():
    sizes = Ladder(widths=[16, 96], width_per_layer=32, head_width=16).sizes()
    assert list(sizes) == ["d16-l1", "d96-l3"]
    assert (sizes["d96-l3"].layers, sizes["d96-l3"].heads) == (3, 6)


def test_a_ladder_that_repeats_a_width_is_refused(tmp_path):
    path = with_change(tmp_path, "ladder", value={"widths": [16, 16]})
    path = Path(path)
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    del study["sizes"]
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    assert "width 16 stands twice" in refusal(path)


def test_two_study_files_and_single_keys_are_refused():
    with pytest.raises(BadInput, match="snakemake would merge"):
        study_file([Path("a.yaml"), Path("b.yaml")], {})
    with pytest.raises(BadInput, match="--config: found study"):
        study_file([], {"study": "x"})


@pytest.mark.parametrize(
    "command", [["-m", "scaletrace.cli", "check"], ["-m", "snakemake", "-n", "--configfile"]]
)
def test_check_and_snakemake_refuse_alike(tmp_path, command):
    path = with_change(tmp_path, "sizes", "d8-l1", "heads", value=3)
    done = subprocess.run(
        [sys.executable, *command, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "sizes.d8-l1: width 8 with 3 heads" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_snakemake_refuses_two_study_files():
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--configfile",
        "config/tiny.yaml",
        "config/demo.yaml",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "snakemake would merge them" in done.stderr
