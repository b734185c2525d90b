"""The study file: what a person may write under `config/`, with units, limits and defaults."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scaletrace.formats.fields import Count, Name, Positive, Section, Seeds, each_once
from scaletrace.formats.yaml_files import read
from scaletrace.study.fits import Entry
from scaletrace.study.training import Family, Training, TunedRate, Tuning

DOCUMENTED_PACKAGES = ["matplotlib", "networkx", "numpy", "pandas", "scipy", "sympy", "torch"]
# Snakemake plans three jobs for each, in memory.
MOST_RUNS = 100_000
Fraction = Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)]


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
        None,
        description="a local wikitext-2-v1.zip, or a folder with wiki.train, wiki.valid and "
        "wiki.test, all three as .tokens or (the raw variant) as .raw; downloaded where left out",
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

    family: Annotated[
        list[Family],
        Field(min_length=1),
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=Family | list[Family],
        ),
    ] = Field(
        default=["decoder"],
        description="decoder: pre-norm with rotary positions; encoder_textbook: post-norm "
        "nn.TransformerEncoderLayer with sinusoidal positions; or a list, to compare them",
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
        found: dict[str, Size] = {}
        for width in self.widths:
            layers = max(1, round(width / self.width_per_layer))
            name = f"d{width}-l{layers}"
            if name in found:
                raise ValueError(f"width {width} stands twice; each size is listed once")
            found[name] = Size(width=width, layers=layers, heads=max(1, width // self.head_width))
        return found


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


FigureName = Literal["loss_vs_params", "loss_vs_tokens", "training_curves", "residuals", "tuning"]


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
    seeds: Seeds = Field(default=[0], description="seeds of weights and of the order of the data")
    training: Training
    tuning: Tuning | None = Field(
        None, description="trials that find the law of the best learning rate"
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
    exclude: dict[str, str] = Field(
        default={},
        description="run: why it is in no fit; tabled, with its numbers if it was trained before",
    )
    failed: dict[str, str] = Field(
        default={}, description="run: why it was given up; it is tabled and not trained"
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
        if tuning is None and "tuning" in self.figures:
            raise ValueError("figures.tuning: no such figure without `tuning`; leave it out")
        if tuning is None:
            return self
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

    def all_sizes(self) -> dict[str, Size]:
        """Return the study's sizes by name, listed or made by the ladder."""
        return self.sizes if self.ladder is None else self.ladder.sizes()


def load(path: Path) -> Study:
    """Read and validate a study file.

    Raises:
        BadInput: with one line per problem, each with the file, the key path, the value found
            and what is allowed.
    """
    return read(path, Study, keys="config/README.md")
