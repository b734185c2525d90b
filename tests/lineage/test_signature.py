"""Signatures of a root, made and checked by the ssh-keygen that is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage import signature
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, edit

needs_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)


@pytest.fixture
def rooted(study):
    return small_study.write_root()


@pytest.fixture
def key(rooted):
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "x", "-f", "key"]
    subprocess.run(words, check=True)
    return Path("key")


def signers(name, principal="author@example.org"):
    path = Path(f"{name}.signers")
    public = Path(f"{name}.pub").read_text(encoding="utf-8")
    path.write_text(f"{principal} {public}", encoding="utf-8")
    return path


@needs_keygen
def test_a_signed_root_verifies_for_anybody_and_for_those_who_know_the_author(key):
    path = signature.sign("s", key)
    assert path == Path("provenance/roots/s.json.sig")
    assert path.read_text().startswith("-----BEGIN SSH SIGNATURE-----\n")
    said = signature.verify("s", None)
    assert said.startswith('Good "scaletrace" signature with ED25519 key SHA256:')
    assert said.endswith("whose key that is, --signers can tell")
    said = signature.verify("s", signers("key"))
    assert said.startswith('Good "scaletrace" signature for author@example.org with ED25519')
    assert signature.stale("s") is None


@needs_keygen
def test_a_root_that_was_changed_is_not_the_signed_one(key):
    signature.sign("s", key)
    edit(CONFIG, "study", "# mine\nstudy")
    small_study.write_root()
    with pytest.raises(BadInput, match=r"^ssh-keygen: "):
        signature.verify("s", None)
    said = signature.stale("s")
    assert said is not None
    assert said.startswith("provenance/roots/s.json.sig: is of an earlier root")
    # Signing again replaces the signature without a question.
    signature.sign("s", key)
    assert signature.stale("s") is None


@needs_keygen
def test_a_stranger_is_no_allowed_signer(key):
    signature.sign("s", key)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "other"]
    subprocess.run(words, check=True)
    with pytest.raises(BadInput, match=r"^ssh-keygen: "):
        signature.verify("s", signers("other"))


@needs_keygen
def test_what_is_missing_is_named(key):
    with pytest.raises(BadInput, match="--key: found nowhere"):
        signature.sign("s", Path("nowhere"))
    signature.sign("s", key)
    with pytest.raises(BadInput, match="--signers: found nowhere"):
        signature.verify("s", Path("nowhere"))


def test_a_study_without_root_is_not_signed(folder):
    with pytest.raises(BadInput, match="no readable study root"):
        signature.sign("s", Path("key"))


def test_without_ssh_keygen(rooted, monkeypatch):
    Path("key").touch()
    monkeypatch.setenv("PATH", "")
    assert not signature.can_be_checked()
    with pytest.raises(BadInput, match=r"ssh-keygen: .*OpenSSH 8\.2 or newer signs"):
        signature.sign("s", Path("key"))
    assert signature.stale("s") is None
