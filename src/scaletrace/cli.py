"""`scaletrace`: the commands that people type. Exit codes: 0 success, 1 negative, 2 bad input.

Each module of `scaletrace.commands` is a command: its docstring is the help, `add_arguments`
declares its arguments, and `run` returns the exit code.
"""

import argparse
import io
import os
import sys
from importlib import import_module, metadata

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.jobs import libraries


def _names() -> list[str]:
    """Return the names of the commands; what several share begins with an underscore."""
    return [name for name in kinds.names("commands") if not name.startswith("_")]


def _parser(names: list[str]) -> argparse.ArgumentParser:
    """Return a parser of these commands."""
    summary = metadata.metadata("scaletrace")["Summary"]
    parser = argparse.ArgumentParser(prog="scaletrace", description=summary)
    parser.add_argument("--version", action="version", version=metadata.version("scaletrace"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names:
        module = import_module(f"scaletrace.commands.{name}")
        about = (module.__doc__ or "").strip()
        added = commands.add_parser(
            name,
            help=about.partition("\n")[0],
            description=about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(added)
        added.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    names = _names()
    # The others' modules would take time to load.
    asked = [name for name in names if argv[:1] == [name]]
    arguments = _parser(asked or names).parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Half letters, which a file of anybody's making may hold, cannot be printed as such.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever reads, such as head, has seen enough; nothing is to be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] in {"", kinds.PACKAGE}:
            raise
        print(
            f"scaletrace {arguments.command}: {problem.name} is not installed; what computes, "
            f"records or restores needs the extra `{libraries.EXTRA}`: see README, Reviewer",
            file=sys.stderr,
        )
        return 2
    except BadInput as problem:
        print(f"scaletrace {arguments.command}: {problem}", file=sys.stderr)
        return 2
    except (ArithmeticError, MemoryError, RecursionError, UnicodeError) as problem:
        what = f"{type(problem).__name__}: {problem}"
        print(f"scaletrace {arguments.command}: a value is too large ({what})", file=sys.stderr)
        return 2
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        said = problem.strerror or problem
        print(f"scaletrace {arguments.command}: {where}{said}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
