"""Where a study's raw text lies on this machine: installed packages or the user's files."""

import zipfile
from importlib import metadata
from pathlib import Path, PurePath

from scaletrace.corpora import globs
from scaletrace.errors import BadInput
from scaletrace.study.config import Bpe, Docstrings, Files, Study, WikiText2
from scaletrace.text.documents import SPLITS

# With rare words as <unk>, and as they were written; of a folder that has both the first is read.
WIKITEXT_VARIANTS = ("tokens", "raw")


def package_versions(study: Study) -> dict[str, str]:
    """Return the installed versions of the packages whose docstrings the study reads.

    Raises:
        BadInput: a package is not installed.
    """
    if not isinstance(study.corpus, Docstrings):
        return {}
    versions = {}
    for place, name in enumerate(study.corpus.packages):
        try:
            # A local build such as 2.13.0+cpu holds the same Python sources as 2.13.0.
            versions[name] = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            raise BadInput(
                f"corpus.packages[{place}]: found {name!r}, which is not installed; "
                "name installed distributions"
            ) from None
    return versions


def raw_files(study: Study) -> list[str]:
    """Return the files that the study's raw text is read from, sorted; none for docstrings.

    Raises:
        BadInput: a path or glob matches nothing, a local WikiText-2 is not whole, or the text
            cannot give the vocabulary.
    """
    corpus = study.corpus
    if isinstance(corpus, WikiText2) and corpus.path is not None:
        return _wikitext(corpus.path)
    if not isinstance(corpus, Files):
        return []
    found: set[str] = set()
    for place, pattern in enumerate(corpus.paths):
        try:
            matches = globs.matching(pattern)
        except BadInput as problem:
            raise BadInput(f"corpus.paths[{place}]: {problem}") from None
        if not matches:
            raise BadInput(
                f"corpus.paths[{place}]: found {pattern!r}, which matches no file; "
                "name text files or globs, relative to the folder snakemake is started in"
            )
        found.update(matches)
    size = sum(Path(path).stat().st_size for path in found)
    # Each merge needs a pair of tokens to join, so text of n bytes gives fewer than n merges.
    if isinstance(study.vocabulary, Bpe) and study.vocabulary.size > 257 + size:
        raise BadInput(
            f"vocabulary.size: found {study.vocabulary.size}; the corpus has {size} bytes and can "
            f"give at most {257 + size}"
        )
    return sorted(found)


def levels_above(study: Study) -> int:
    """Return how many folders above the one where snakemake is started the text may lie."""
    corpus = study.corpus
    paths = corpus.paths if isinstance(corpus, Files) else []
    if isinstance(corpus, WikiText2) and corpus.path is not None:
        paths = [corpus.path]
    return max((PurePath(path).parts.count("..") for path in paths), default=0)


def _wikitext(given: str) -> list[str]:
    """Return the zip itself, or the three files of one variant that a folder holds, sorted."""
    path = Path(given)
    if not path.exists():
        raise BadInput(
            f"corpus.path: found {given!r}, which does not exist; name a "
            "wikitext-2-v1.zip, a folder with its splits, or leave it out to download"
        )
    if not path.is_dir():
        if not (path.is_file() and zipfile.is_zipfile(path)):
            raise BadInput(
                f"corpus.path: found {given!r}, which is not a whole zip; name a "
                "wikitext-2-v1.zip, or the folder that its splits lie in"
            )
        return [str(path)]
    variants = [[path / f"wiki.{split}.{end}" for split in SPLITS] for end in WIKITEXT_VARIANTS]
    files = max(variants, key=lambda files: sum(file.is_file() for file in files))
    if lacking := [file.name for file in files if not file.is_file()]:
        raise BadInput(
            f"corpus.path: found {given!r}, a folder without {', '.join(lacking)}; needed are "
            "wiki.train, wiki.valid and wiki.test, all three as .tokens or all three as .raw"
        )
    return sorted(map(str, files))
