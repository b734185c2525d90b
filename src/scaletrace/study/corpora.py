"""Where a study's raw text lies on this machine: installed packages or the user's files."""

import glob
from importlib import metadata
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.study.config import Bpe, Docstrings, Files, Study, WikiText2


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
        BadInput: a path or glob matches nothing, or the text cannot give the vocabulary.
    """
    corpus = study.corpus
    if isinstance(corpus, WikiText2) and corpus.path is not None:
        if not Path(corpus.path).exists():
            raise BadInput(
                f"corpus.path: found {corpus.path!r}, which does not exist; name a "
                "wikitext-2-v1.zip, a folder with its splits, or leave it out to download"
            )
        folder = Path(corpus.path)
        return sorted(str(p) for p in folder.iterdir()) if folder.is_dir() else [corpus.path]
    if not isinstance(corpus, Files):
        return []
    found: set[str] = set()
    for place, pattern in enumerate(corpus.paths):
        # Not Path.glob, which refuses absolute patterns.
        matches = [p for p in glob.glob(pattern, recursive=True) if Path(p).is_file()]  # noqa: PTH207
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
