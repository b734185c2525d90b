"""Detached signatures over the root of a study, made and checked by ssh-keygen."""

import shutil
import subprocess
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.lineage import links, root

# What the signature is for, so that one made for mail or git is not taken for one of a study.
NAMESPACE = "scaletrace"


def path_of(study: str) -> Path:
    """Return where the signature of a study lies."""
    return root.path_of(study).with_suffix(".json.sig")


def can_be_checked() -> bool:
    """Tell whether this machine has what checks a signature."""
    return shutil.which("ssh-keygen") is not None


def _keygen(*words: str, message: bytes) -> str:
    """Run `ssh-keygen -Y`; return what it prints.

    Raises:
        BadInput: it says no, or is not installed.
    """
    try:
        done = subprocess.run(["ssh-keygen", "-Y", *words], input=message, capture_output=True)
    except OSError as error:
        raise BadInput(f"ssh-keygen: {error.strerror}; OpenSSH 8.2 or newer signs") from None
    printed, complaint = (
        text.decode(errors="replace").strip() for text in (done.stdout, done.stderr)
    )
    if done.returncode:
        raise BadInput(f"ssh-keygen: {complaint or printed}")
    return printed


def sign(study: str, key: Path) -> Path:
    """Sign the root of a recorded study with an SSH key; return the signature's file.

    Raises:
        BadInput: the study has no sound root, or the key does not sign.
    """
    links.require_none()
    root.read(study)
    if not key.is_file():
        raise BadInput(f"--key: found {key}, which is no file; name an SSH key")
    message = untrusted.read_bytes(root.path_of(study))
    # By way of its output: beside a file it would ask before it replaces a signature.
    signed = _keygen("sign", "-f", str(key), "-n", NAMESPACE, message=message)
    files.write_text(path_of(study), f"{signed}\n")
    return path_of(study)


def verify(study: str, signers: Path | None) -> str:
    """Check the signature of a study's root; return who signed, in words.

    Args:
        study: its name.
        signers: allowed signers (ssh-keygen(1), ALLOWED SIGNERS); without, any key will do, and
            the reader has to compare it with the author's.

    Raises:
        BadInput: the signature is not one of these bytes by an allowed signer.
    """
    message, signature = untrusted.read_bytes(root.path_of(study)), str(path_of(study))
    if signers is None:
        answer = _keygen("check-novalidate", "-n", NAMESPACE, "-s", signature, message=message)
        return f"{answer}; whose key that is, --signers can tell"
    if not signers.is_file():
        raise BadInput(f"--signers: found {signers}, which is no file of allowed signers")
    allowed = ("-f", str(signers))
    principals = _keygen("find-principals", "-s", signature, *allowed, message=message).splitlines()
    who = ("-I", principals[0], "-n", NAMESPACE, "-s", signature)
    return _keygen("verify", *allowed, *who, message=message)


def stale(study: str) -> str | None:
    """Say that a study's signature is not of its root, as after a new record; None if it is."""
    if not path_of(study).exists():
        return None
    try:
        verify(study, None)
    except BadInput:
        return f"{path_of(study)}: is of an earlier root; scaletrace sign signs this one"
    return None
