"""The study file: what a person may write under `config/`, with units, limits and defaults."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scaletrace import kinds
from scaletrace.corpora import Source
from scaletrace.errors import BadInput
from scaletrace.formats.fields import Count, Name, Positive, Section, Seeds, each_once
from scaletrace.formats.yaml_files import read
from scaletrace.kind_keys import OneOf
from scaletrace.study.coordinate_check import CoordinateCheck
from scaletrace.study.fits import Entry
from scaletrace.study.keep import Keep
from scaletrace.study.training import TrainingKeys, TuningKeys
from scaletrace.study.training_laws import FAMILIES, Family, TunedRate
from scaletrace.tokenizers import Vocabulary

# Snakemake plans three jobs for each, in memory.
MOST_RUNS = 100_000


def _family(name: str) -> str:
    summary = kinds.summary(kinds.load("families", name))
    return summary[:1].lower() + summary[1:]


class Model(Section):
    """What all sizes of the study share."""

    family: Annotated[
        list[Family],
        Field(min_length=1),
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=Family | list[Family],
        ),
    ] = Field(
        default=["decoder"],
        description="".join(f"{name}: {_family(name)}; " for name in FAMILIES)
        + "or a list, to compare them",
    )
    context: Count = Field(description="tokens that a model sees at once")


class Size(Section):
    """One architecture of the ladder."""

    width: Count = Field(description="residual stream, channels")
    layers: Count = Field(description="blocks")
    heads: Count = Field(description="attention heads; width is a multiple of 2 x heads")
    seeds: Seeds | None = Field(
        default=None, description="this size's seeds, in place of the study's"
    )

    gpus: Count = Field(
        default=1,
        description="processes that train one model of this size together: a GPU each with cuda, "
        "a core each on the CPU",
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
        sizes: dict[str, Size] = {}
        for width in self.widths:
            layers = max(1, round(width / self.width_per_layer))
            name = f"d{width}-l{layers}"
            if name in sizes:
                raise ValueError(f"width {width} stands twice; each size is listed once")
            sizes[name] = Size(width=width, layers=layers, heads=max(1, width // self.head_width))
        return sizes


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


if TYPE_CHECKING:
    FigureName = str
else:
    FigureName = Literal[kinds.names("figures")]


class Study(Section):
    """One study: everything under results/<study>/ follows from it."""

    study: Name = Field(description="name of the study and of its folder under results/")
    corpus: Annotated[Source, OneOf("corpora", "source")]
    vocabulary: Annotated[Vocabulary, OneOf("tokenizers", "kind")]
    model: Model
    sizes: dict[Name, Size] = Field(default={}, description="architectures by name")
    ladder: Ladder | None = Field(None, description="a rule that gives the sizes instead")
    budgets: list[Count] = Field(default=[], description="training tokens D")
    flops: list[Positive] = Field(default=[], description="FLOPs C from which D follows per size")
    seeds: Seeds = Field(default=[0], description="seeds of weights and of the order of the data")
    training: TrainingKeys
    tuning: TuningKeys | None = Field(
        None, description="trials that find the law of the best learning rate"
    )
    coordinate_check: CoordinateCheck | None = Field(
        None, description="first steps of models that differ in width, and in depth"
    )
    evaluation: Evaluation
    conventions: Conventions = Conventions()  # pyright: ignore[reportCallIssue]
    fits: list[Entry] = Field(
        default=["power_n"],  # pyright: ignore[reportAssignmentType]
        min_length=1,
        validate_default=True,
        description="laws to fit, each by its name or with options",
    )
    figures: dict[FigureName, Figure] = Field(default={}, description="titles of the figures")
    keep: Keep = Keep()
    exclude: dict[str, str] = Field(
        default={},
        description="run: why it is in no fit; tabled, with its numbers if it was trained before",
    )
    failed: dict[str, str] = Field(
        default={},
        description="run: why it was given up; in no fit; tabled, with its numbers if it has any",
    )

    _once = field_validator("budgets", "flops")(each_once)

    @model_validator(mode="after")
    def _one_source_of_sizes(self) -> "Study":
        if bool(self.sizes) == (self.ladder is not None):
            raise ValueError("needs either `sizes` or `ladder`, and not both")
        if self.ladder is not None:
            self.ladder.sizes()
        if bool(self.budgets) == bool(self.flops):
            raise ValueError("needs either `budgets` (tokens) or `flops`, and not both")
        runs = len(self.all_sizes()) * len(self.budgets or self.flops) * len(self.seeds)
        if runs > MOST_RUNS:
            raise ValueError(f"sizes, budgets and seeds give {runs} runs; at most {MOST_RUNS}")
        seen: dict[tuple[int, int, int], str] = {}
        for name, size in self.sizes.items():
            shape = (size.width, size.layers, size.heads)
            if shape in seen:
                raise ValueError(f"sizes.{name} and sizes.{seen[shape]} are the same architecture")
            seen[shape] = name
        return self

    @model_validator(mode="after")
    def _training_fits(self) -> "Study":
        batch, context = self.training.batch_tokens, self.model.context
        if isinstance(batch, int):
            if batch % context:
                raise ValueError(
                    f"training.batch_tokens: {batch} is no multiple of model.context ({context})"
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

    @model_validator(mode="after")
    def _rates_transfer(self) -> "Study":
        kind = self.training.parametrisation.kind
        for family in self.model.family:
            if kind != "standard" and not kinds.load("families", family).ZERO_OUTPUTS:
                raise ValueError(
                    f"training.parametrisation.kind: {kind} needs a head and outputs of blocks "
                    f"that begin at zero, which {family} has not; allowed with it is standard"
                )
        return self

    @model_validator(mode="after")
    def _rates_are_known(self) -> "Study":
        tuning, families = self.tuning, self.model.family
        for family in families:
            law = self.training.law_of(family)
            if law is None:
                raise ValueError(
                    f"training.learning_rate.{family}: missing; model.family asks for {family}"
                )
            if isinstance(law, TunedRate) and tuning is None:
                raise ValueError(
                    "tuning: missing; training.learning_rate is tuned, so say which sizes and "
                    "rates to try"
                )
        if tuning is None:
            return self
        tuned = any(isinstance(self.training.law_of(family), TunedRate) for family in families)
        if len(tuning.tokens) > 1 and tuned and self.training.shares_trunks:
            raise ValueError(
                "tuning.tokens: several budgets give a law of D, which needs runs that share no "
                "trunk, as runs of every D begin as one; say share: false or schedule: cosine in "
                "training, or give one number of tokens"
            )
        batch, context = self.training.batch_tokens, self.model.context
        for name in tuning.sizes:
            if name not in self.all_sizes():
                raise ValueError(
                    f"tuning.sizes: {name} is no size of this study; those are "
                    f"{', '.join(self.all_sizes())}"
                )
        for family in families:
            if family not in tuning.rates:
                raise ValueError(f"tuning.rates.{family}: missing; model.family asks for {family}")
        for tried in tuning.batches:
            if not isinstance(batch, int) or batch % tried or tried % context:
                raise ValueError(
                    f"tuning.batches: {tried}; allowed are multiples of model.context ({context}) "
                    f"of which training.batch_tokens is a multiple ({batch}), so that every "
                    "state lies at a whole step of each"
                )
        return self

    @model_validator(mode="after")
    def _figures_have_what_they_draw(self) -> "Study":
        sections = {"tuning": self.tuning, "coordinate_check": self.coordinate_check}
        for name in self.figures:
            for section in sections.keys() & kinds.load("figures", name).DRAWS:
                if sections[section] is None:
                    raise ValueError(
                        f"figures.{name}: no such figure without `{section}`; leave it out"
                    )
        return self

    def all_sizes(self) -> dict[str, Size]:
        """Return the study's sizes by name, listed or made by the ladder."""
        return self.sizes if self.ladder is None else self.ladder.sizes()


def file_of(study: str) -> Path:
    """Return where the file of a study of this name lies."""
    return Path("config") / f"{study}.yaml"


def load(path: Path) -> Study:
    """Read and validate a study file.

    Raises:
        BadInput: with one line per problem, each with the file, the key path, the value found
            and what is allowed.
    """
    return read(path, Study, keys="config/README.md")


def keep_of(path: Path) -> Keep:
    """Return what a study file says of large files; all stay where it cannot be read."""
    try:
        return load(path).keep
    except BadInput:
        return Keep()
