"""Signatures over the root of a recorded study, with the real ssh-keygen."""

import shutil
import subprocess

import pytest

from scaletrace import cli
from scaletrace.lineage import audit, root


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
class TestSignature:
    def test_a_signed_study_says_by_whom(self, damaged, recorded_jobs, key, tmp_path):
        assert cli.main(["sign", "--key", str(key), "--study", "tiny"]) == 0
        report = audit.audit("tiny", jobs=recorded_jobs)
        assert report.findings == []
        assert "The root of the study is signed" in report.proof
        assert "whose key that is, --signers can tell" in report.proof
        signers = tmp_path / "signers"
        signers.write_text(f"author@example.org {key.with_suffix('.pub').read_text()}")
        report = audit.audit("tiny", jobs=recorded_jobs, signers=signers)
        assert report.findings == []
        assert "author@example.org" in report.proof

    def test_a_forger_who_rewrote_everything_is_found_by_the_signature(
        self, damaged, recorded_jobs, key
    ):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        held = root.read("tiny")
        held.pop("root")
        held["rules"]["fit"] += " "
        held["root"] = root._hash(held)
        root.write(held)
        (finding,) = audit.audit("tiny", jobs=recorded_jobs).findings
        assert finding.field == "signature"

    def test_a_signature_by_somebody_else_is_found(self, damaged, recorded_jobs, key, tmp_path):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        other = tmp_path / "other"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True
        )
        signers = tmp_path / "signers"
        signers.write_text(f"author@example.org {other.with_suffix('.pub').read_text()}")
        (finding,) = audit.audit("tiny", jobs=recorded_jobs, signers=signers).findings
        assert finding.field == "signature"

    def test_a_missing_signature_is_found_where_one_is_asked_for(
        self, damaged, recorded_jobs, tmp_path
    ):
        signers = tmp_path / "signers"
        signers.write_text("")
        (finding,) = audit.audit("tiny", jobs=recorded_jobs, signers=signers).findings
        assert finding.found == "missing"

    def test_only_a_recorded_study_is_signed(self, damaged, key, capsys):
        root.path_of("tiny").unlink()
        assert cli.main(["sign", "--key", str(key), "--study", "tiny"]) == 2
        assert "no readable study root" in capsys.readouterr().err
