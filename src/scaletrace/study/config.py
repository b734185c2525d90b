"""The study file: what a person may write under `config/`, with units, limits and defaults."""

import math
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scaletrace.errors import BadInput

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
DOCUMENTED_PACKAGES = ["matplotlib", "networkx", "numpy", "pandas", "scipy", "sympy", "torch"]


def _whole(value: Any) -> Any:
    """Turn 1.0e6 (which YAML reads as a float, or as a string) into 1000000."""
    if isinstance(value, str) and re.fullmatch(r"[0-9.]+[eE][+-]?[0-9]+", value):
        value = float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


Name = Annotated[str, Field(pattern=NAME)]
Count = Annotated[int, BeforeValidator(_whole), Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _each_once(values: list[Any], info: ValidationInfo) -> list[Any]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{value} stands twice in {info.field_name}; list each once")
    return values


class Section(BaseModel):
    """A part of the study file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Section):
    """Held-out parts, chosen by the hash of each document's text."""

    valid: Fraction = Field(0.05, description="fraction of documents in the validation split")
    test: Fraction = Field(0.05, description="fraction of documents in the test split")


class Docstrings(Split):
    """The embedded corpus: docstrings of installed, pinned packages."""

    source: Literal["docstrings"]
    packages: list[Name] = Field(
        DOCUMENTED_PACKAGES,
        min_length=1,
        description="installed distributions whose docstrings are read",
    )


class Files(Split):
    """The user's own UTF-8 text."""

    source: Literal["files"]
    paths: list[str] = Field(
        min_length=1, description="files and globs, relative to where snakemake is started"
    )
    document: Literal["file", "paragraph"] = Field(
        "file", description="what counts as one document: a file, or text between blank lines"
    )


class WikiText2(Section):
    """WikiText-2 with its official splits (Merity et al. 2016, arXiv 1609.07843)."""

    source: Literal["wikitext-2"]
    path: str | None = Field(
        None, description="a local wikitext-2-v1.zip, or a folder with its three splits"
    )


class Bpe(Section):
    """Byte-level byte-pair encoding, learned on the training split."""

    kind: Literal["bpe"]
    size: int = Field(ge=257, le=1 << 20, description="token ids, end-of-document included")


class BasicEnglish(Section):
    """torchtext's basic_english words."""

    kind: Literal["basic_english"]
    size: int = Field(ge=3, le=1 << 24, description="token ids, <unk> and end-of-document included")
    min_freq: Count = Field(1, description="occurrences that a word needs to get an id")


class Bytes(Section):
    """One id per byte and one for the end of a document: 257."""

    kind: Literal["bytes"]

    @property
    def size(self) -> int:
        """Number of token ids."""
        return 257


class Model(Section):
    """What all sizes of the study share."""

    family: Literal["decoder"] = Field("decoder", description="pre-norm causal transformer")
    context: Count = Field(description="tokens that a model sees at once")


class Size(Section):
    """One architecture of the ladder."""

    width: Count = Field(description="residual stream, channels")
    layers: Count = Field(description="blocks")
    heads: Count = Field(description="attention heads; width is a multiple of 2 x heads")
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_each_once)] | None = Field(
        default=None, description="this size's seeds, in place of the study's"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "Size":
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} with {self.heads} heads: width must be a multiple of 2 x "
                "heads, because rotary positions turn pairs of channels in each head"
            )
        return self


class Ladder(Section):
    """A rule that gives one size per width."""

    widths: list[Count] = Field(min_length=1, description="residual stream, channels")
    width_per_layer: Positive = Field(
        32.0, description="channels per block: layers = max(1, round(width / width_per_layer))"
    )
    head_width: Count = Field(16, description="channels per head: heads = max(1, width // this)")

    def sizes(self) -> dict[str, Size]:
        """Return the sizes that the rule gives, by name."""
        found: dict[str, Size] = {}
        for width in self.widths:
            layers = max(1, round(width / self.width_per_layer))
            name = f"d{width}-l{layers}"
            if name in found:
                raise ValueError(f"width {width} stands twice; each size is listed once")
            found[name] = Size(width=width, layers=layers, heads=max(1, width // self.head_width))
        return found


class InverseWidth(Section):
    """Peak learning rate = value x at_width / width."""

    law: Literal["inverse_width"]
    at_width: Count = Field(description="width at which the rate is `value`, channels")
    value: Positive = Field(description="peak learning rate of AdamW at that width")

    def rate(self, width: int) -> float:
        """Return the peak learning rate for a width."""
        return self.value * self.at_width / width


class Training(Section):
    """How every run is trained: AdamW, with the batch and rate that the study states."""

    schedule: Literal["wsd", "cosine"] = Field(
        "wsd", description="warmup-stable-decay on a shared trunk, or one cosine per run"
    )
    cooldown: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="fraction of a run's tokens in which a wsd rate falls to zero"
    )
    batch_tokens: Count = Field(description="tokens per optimiser step; a multiple of the context")
    learning_rate: InverseWidth
    warmup: Annotated[int, BeforeValidator(_whole), Field(ge=0)] = Field(
        100_000, description="tokens over which the learning rate rises"
    )
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.1, description="AdamW's decay of matrices, per step and unit of learning rate"
    )
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="AdamW's first moment")
    beta2: Annotated[float, Field(ge=0, lt=1)] = Field(0.95, description="AdamW's second moment")
    clip: Positive = Field(1.0, description="largest gradient norm")


class Evaluation(Section):
    """What the reported loss is measured on."""

    split: Literal["valid", "test"] = Field("valid", description="held-out split")
    tokens: Count = Field(description="held-out tokens, rounded down to whole contexts")


class Conventions(Section):
    """Which N and which FLOPs the study's fits and figures use."""

    n: Literal["non_embedding", "with_head", "total"] = Field(
        "non_embedding", description="parameters that count as N"
    )
    flops: Literal["exact", "6nd"] = Field("exact", description="how FLOPs are counted")


class Figure(Section):
    """What a study may say about one of its figures."""

    title: str = Field(max_length=200, description="title above the axes")


LawName = Literal["power_n", "power_d", "power_c", "chinchilla", "kaplan"]
FigureName = Literal["loss_vs_params", "loss_vs_tokens", "training_curves", "residuals"]


class Study(Section):
    """One study: everything under results/<study>/ follows from it."""

    study: Name = Field(description="name of the study and of its folder under results/")
    corpus: Annotated[Docstrings | Files | WikiText2, Field(discriminator="source")]
    vocabulary: Annotated[Bpe | BasicEnglish | Bytes, Field(discriminator="kind")]
    model: Model
    sizes: dict[Name, Size] = Field(default={}, description="architectures by name")
    ladder: Ladder | None = Field(None, description="a rule that gives the sizes instead")
    budgets: list[Count] = Field(default=[], description="training tokens D")
    flops: list[Positive] = Field(default=[], description="FLOPs C from which D follows per size")
    seeds: list[Seed] = Field(
        default=[0], min_length=1, description="seeds of weights and of the order of the data"
    )
    training: Training
    evaluation: Evaluation
    conventions: Conventions = Conventions()  # pyright: ignore[reportCallIssue]
    fits: list[LawName] = Field(default=["power_n"], min_length=1, description="laws to fit")
    figures: dict[FigureName, Figure] = Field(default={}, description="titles of the figures")
    exclude: dict[str, str] = Field(
        default={}, description="run: why it is trained and tabled but in no fit"
    )
    failed: dict[str, str] = Field(
        default={}, description="run: why it was given up; it is tabled and not trained"
    )

    _once = field_validator("budgets", "flops", "seeds", "fits")(_each_once)

    @model_validator(mode="after")
    def _one_source_of_sizes(self) -> "Study":
        if bool(self.sizes) == (self.ladder is not None):
            raise ValueError("needs either `sizes` or `ladder`, and not both")
        if self.ladder is not None:
            self.ladder.sizes()
        if bool(self.budgets) == bool(self.flops):
            raise ValueError("needs either `budgets` (tokens) or `flops`, and not both")
        seen: dict[tuple[int, int, int], str] = {}
        for name, size in self.sizes.items():
            shape = (size.width, size.layers, size.heads)
            if shape in seen:
                raise ValueError(f"sizes.{name} and sizes.{seen[shape]} are the same architecture")
            seen[shape] = name
        return self

    @model_validator(mode="after")
    def _training_fits(self) -> "Study":
        batch = self.training.batch_tokens
        if batch % self.model.context:
            raise ValueError(
                f"training.batch_tokens: {batch} is no multiple of model.context "
                f"({self.model.context})"
            )
        for budget in self.budgets:
            if budget < batch:
                raise ValueError(
                    f"budgets: {budget} tokens are below one batch; "
                    f"at least training.batch_tokens ({batch})"
                )
        if self.evaluation.tokens < self.model.context:
            raise ValueError(
                f"evaluation.tokens: {self.evaluation.tokens} is below one context "
                f"({self.model.context})"
            )
        return self

    def all_sizes(self) -> dict[str, Size]:
        """Return the study's sizes by name, listed or made by the ladder."""
        return self.sizes if self.ladder is None else self.ladder.sizes()


class _StudyLoader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not a silent override."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable) or key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice or is a list", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _key_path(error: Any, value: Any) -> str:
    """Write a pydantic location as the path of keys that stands in the file."""
    keys: list[str] = []
    for part in error["loc"]:
        if isinstance(part, str) and isinstance(value, dict) and part not in value:
            tags = {value.get("source"), value.get("kind"), value.get("law")}
            if part in tags or part == "[key]":
                continue
        if isinstance(part, int):
            keys[-1] = f"{keys[-1]}[{part}]" if keys else f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            keys.append(part)
            value = value.get(part) if isinstance(value, dict) else None
    return ".".join(keys)


def _explain(error: Any, content: Any) -> str:
    """Say in one line where an error lies, what was found and what is allowed."""
    where = _key_path(error, content)
    kind, found = error["type"], error["input"]
    message = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return f"{where}: {message}" if where else message
    if kind == "extra_forbidden":
        return f"{where}: unknown key (value {_shown(found)}); see config/README.md for the keys"
    if kind == "missing":
        return f"{where}: missing; the key is required"
    if kind == "string_pattern_mismatch":
        message = (
            "allowed are small letters, digits, '-' and '_', beginning with a letter or digit, "
            "64 characters at most"
        )
    if kind == "finite_number" or (isinstance(found, float) and not math.isfinite(found)):
        message = "must be a finite number"
    return f"{where}: found {_shown(found)}; {message[0].lower()}{message[1:]}"


def load(path: Path) -> Study:
    """Read and validate a study file.

    Raises:
        BadInput: with one line per problem, each with the file, the key path, the value found
            and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such study file; config/ holds those of this clone") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({error})") from None
    try:
        content = yaml.load(text, _StudyLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(f"{path}: no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: found {_shown(content)}; a study file is a mapping of keys")
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        lines = [f"{path}: {_explain(problem, content)}" for problem in error.errors()]
        raise BadInput("\n".join(lines)) from None
    return study
