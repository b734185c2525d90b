"""The embedded corpus: docstrings of installed, pinned packages.

Real text without a download. What is read of a package follows from its name and version.
"""

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from scaletrace.corpora import DealtSource
from scaletrace.errors import BadInput
from scaletrace.formats.fields import Name
from scaletrace.text.docstrings import docstrings
from scaletrace.text.documents import Document, deal_to_all
from scaletrace.text.raw import read_bytes

DOCUMENTED_PACKAGES = ["matplotlib", "networkx", "numpy", "pandas", "scipy", "sympy", "torch"]
# Docstrings of one large package.
PACKAGE_BYTES = 3_500_000
# Shorter docstrings say little more than the name they describe.
LONGER_THAN = 200
# NumPy ships this folder to Python 3.11 and no later version.
EXCLUDED = "numpy/distutils/"


class Keys(DealtSource):
    """Which packages."""

    source: Literal["docstrings"]
    packages: list[Name] = Field(
        DOCUMENTED_PACKAGES,
        min_length=1,
        description="installed distributions whose docstrings are read",
    )

    def settings(self, versions: dict[str, str]) -> "Settings":
        """Return the settings of the job that reads them."""
        return Settings(self.source, self.valid, self.test, versions)

    def package_versions(self, recorded: Mapping[str, str]) -> dict[str, str]:
        """Return the installed versions of the packages, and recorded ones of the others.

        Raises:
            BadInput: a package is neither installed nor recorded.
        """
        versions = {}
        for place, name in enumerate(self.packages):
            try:
                # A local build such as 2.13.0+cpu holds the same Python sources as 2.13.0.
                versions[name] = importlib.metadata.version(name).partition("+")[0]
            except importlib.metadata.PackageNotFoundError:
                if name not in recorded:
                    raise BadInput(
                        f"corpus.packages[{place}]: found {name!r}, which is not installed; "
                        "name installed distributions"
                    ) from None
                versions[name] = recorded[name]
        return versions

    def text_bytes(self, raw_files: list[str]) -> int:
        """Return about how many bytes of text the packages give."""
        del raw_files
        return PACKAGE_BYTES * len(self.packages)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Packages by name and version, and the fractions held out."""

    source: str
    valid: float
    test: float
    packages: dict[str, str]


def read(
    files: Sequence[Path], settings: Settings
) -> tuple[dict[str, list[Document]], dict[str, Any]]:
    """Return the docstrings of the packages, dealt to the splits, and the packages."""
    del files
    documents: list[Document] = []
    for name, wanted in sorted(settings.packages.items()):
        sources = _source_files(name, wanted)
        described = [
            Document(f"{source.as_posix()}:{docstring.name}".rstrip(":"), docstring.text)
            for source in sources
            for docstring in docstrings(read_bytes(Path(str(source.locate()))), LONGER_THAN)
        ]
        print(
            f"corpus: {name} {wanted}, {len(sources):,} files, {len(described):,} docstrings",
            flush=True,
        )
        documents += described
    splits, duplicates = deal_to_all(
        documents, settings.valid, settings.test, "name more packages under `packages`"
    )
    return splits, {"packages": settings.packages, "duplicates": duplicates}


def _source_files(name: str, wanted: str) -> list[importlib.metadata.PackagePath]:
    """Return the Python files of an installed distribution, as its record lists them, sorted."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise BadInput(f"corpus.packages.{name}: {wanted}; no such package is installed") from None
    # A local label such as +cpu names a build of the same sources.
    if wanted not in (distribution.version, distribution.version.partition("+")[0]):
        raise BadInput(
            f"corpus.packages.{name}: {wanted}; {distribution.version} is installed, "
            "and another version has other docstrings"
        )
    files = [
        file
        for file in distribution.files or []
        if file.suffix == ".py" and not file.as_posix().startswith(EXCLUDED)
    ]
    if not files:
        raise BadInput(f"corpus.packages.{name}: the installed package lists no Python files")
    return sorted(files, key=lambda file: file.as_posix())
