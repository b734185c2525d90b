"""`scaletrace predict` as tests ask it."""

from pathlib import Path

from scaletrace import cli


def asked(capsys, fit: Path, *arguments: object) -> tuple[int, str, str]:
    """Return the exit code, and what was printed and said on standard error."""
    capsys.readouterr()
    code = cli.main(["predict", str(fit), *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err
