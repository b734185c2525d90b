"""Where a study's raw text lies on this machine, where it lies in files."""

from scaletrace.study.config import Study


def raw_files(study: Study) -> list[str]:
    """Return the files that the study's raw text is read from, sorted.

    Raises:
        BadInput: they are not there or not whole, or their text cannot give the vocabulary.
    """
    files = study.corpus.raw_files()
    study.corpus.check(study.vocabulary, files)
    return files
