"""Raw text in files: read and decoded, or refused with a sentence that names the file."""

from pathlib import Path

from scaletrace.errors import BadInput


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; a readable file is needed") from None


def decode(content: bytes, path: Path) -> str:
    """Return a file's UTF-8 text with lines that end in a line feed, without a byte-order mark.

    Raises:
        BadInput: it is no UTF-8, or there is none.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8; "
            "a corpus is UTF-8 text"
        ) from None
    if not text.strip():
        raise BadInput(f"{path}: the file holds no text")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
