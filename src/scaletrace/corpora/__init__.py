"""Sources of text, one a file: `source` under a study's `corpus` is the name of the file.

Such a file has

- `Keys(Source)`: what a study says of it, with `source: Literal[NAME]`;
- `Settings`: a frozen dataclass with a field `source`, all that the corpus job is told;
- `read(files, settings)`: the documents of each split, and what the manifest says of their
  origin. Raises BadInput where they cannot be had.

Its docstring's first line says what it is, in the schema and in config/README.md.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from scaletrace.kind_keys import KindKeys
from scaletrace.tokenizers import Vocabulary

Fraction = Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)]


class Source(KindKeys):
    """What a study says of its text, and where that lies on this machine."""

    source: str

    def settings(self, versions: dict[str, str]) -> Any:
        """Return the settings of the job that reads it; `versions` are those of `packages`."""
        raise NotImplementedError

    def package_versions(self, recorded: Mapping[str, str]) -> dict[str, str]:
        """Return the versions of the packages that the text is read from: the installed ones.

        Args:
            recorded: those that it was read from, for packages that are not installed here.

        Raises:
            BadInput: a package is neither installed nor recorded.
        """
        del recorded
        return {}

    def raw_files(self) -> list[str]:
        """Return the files that the text is read from, sorted.

        Raises:
            BadInput: what the study names is not there, or not whole.
        """
        return []

    def check(self, vocabulary: Vocabulary, raw_files: list[str]) -> None:
        """Raise BadInput where the text cannot give the vocabulary, as far as that is known."""

    def examine(self, raw_files: list[str]) -> str:
        """Return what is to be known of the text, once all of it has been read; else nothing.

        Raises:
            BadInput: the corpus job could not read it.
        """
        del raw_files
        return ""

    def named_paths(self) -> list[str]:
        """Return the paths that the study gives, as it gives them."""
        return []

    def text_bytes(self, raw_files: list[str]) -> int:
        """Return about how many bytes of text there are."""
        return sum(Path(path).stat().st_size for path in raw_files)


class DealtSource(Source):
    """A source whose documents are dealt to the splits by the hash of their words."""

    valid: Fraction = Field(0.05, description="fraction of documents in the validation split")
    test: Fraction = Field(0.05, description="fraction of documents in the test split")
