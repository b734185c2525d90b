"""Files that change together, or not at all."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from scaletrace.formats import files


@contextlib.contextmanager
def all_or_none(texts: dict[Path, str]) -> Iterator[None]:
    """Put texts in place, and those that were there back again where the block fails.

    Everything that takes space is done before the first file is replaced, so that a full disk
    changes nothing. What a killed process left of an earlier attempt is swept away.

    Args:
        texts: by path, in the order in which they are replaced; equal ones keep their times.
    """
    with contextlib.ExitStack() as stack:
        drafts: dict[Path, Path] = {}
        for path, text in texts.items():
            files.sweep(path)
            if not path.is_file() or path.read_bytes() != text.encode():
                drafts[path] = stack.enter_context(files.drafted(path))
                drafts[path].write_text(text, encoding="utf-8", newline="\n")
                files.finish(drafts[path])
        before = {path: _kept(stack, path) for path in drafts if path.exists()}
        replaced = []
        try:
            for path, draft in drafts.items():
                draft.replace(path)
                replaced.append(path)
            yield
        except BaseException:
            for path in reversed(replaced):
                before[path].replace(path) if path in before else path.unlink()
            raise


def _kept(stack: contextlib.ExitStack, path: Path) -> Path:
    """Return a second name of a file, which goes when the stack does."""
    name = stack.enter_context(files.drafted(path))
    name.unlink()
    os.link(path, name)
    return name
