"""Signatures over the root of a recorded study, with the real ssh-keygen."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.formats import files
from scaletrace.formats.record import seal_of
from scaletrace.jobs import ledger
from scaletrace.lineage import audit, root, signature
from scaletrace.lineage.restore import restore
from tests.workflow.conftest import Clone


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
        report = audit.audit("tiny", jobs=recorded_jobs, make_again=False)
        assert report.findings == []
        assert "The root of the study is signed" in report.proof
        assert "whose key that is, --signers can tell" in report.proof
        signers = tmp_path / "signers"
        signers.write_text(f"author@example.org {key.with_suffix('.pub').read_text()}")
        report = audit.audit("tiny", jobs=recorded_jobs, signers=signers, make_again=False)
        assert report.findings == []
        assert "author@example.org" in report.proof

    def test_a_forger_who_rewrote_everything_is_found_by_the_signature(
        self, damaged, recorded_jobs, key
    ):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        held = root.read("tiny")
        held.pop("root")
        held["rules"]["fit"] += " "
        held["root"] = files.json_sha256(held)
        files.write_json(root.path_of("tiny"), held)
        (finding,) = audit.audit("tiny", jobs=recorded_jobs, make_again=False).findings
        assert finding.field == "signature"

    def test_a_signature_covers_every_byte_of_every_record_and_the_configuration(
        self, damaged, recorded_jobs, key
    ):
        """Circumstances edited under a renewed seal: unsigned they pass for an identical rerun."""
        path = ledger.path_of("tiny", "anneal", {"run": "d8-l1-s0-32k"})
        record = json.loads(path.read_text())
        config, text = Path("config/tiny.yaml"), Path("config/tiny.yaml").read_text()
        record["circumstances"]["git"] = {"commit": "0" * 40, "changed": []}
        files.write_json(path, {**record, "seal": seal_of(record)})
        config.write_text(text + "# A comment, which means nothing to the study.\n")
        unsigned = audit.audit("tiny", jobs=recorded_jobs, make_again=False)
        assert unsigned.findings == []
        assert len(unsigned.notes) >= 2
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        findings = audit.audit("tiny", jobs=recorded_jobs, make_again=False).findings
        assert {(finding.file, finding.field) for finding in findings} >= {
            (str(path), "sha256 (in the root)"),
            (str(config), "sha256 (in the root)"),
        }

    def test_the_root_names_every_record_by_the_hash_of_its_whole_file(self, damaged):
        held = root.read("tiny")["records"]
        files = {str(p) for p in Path("provenance/jobs/tiny").rglob("*.json")}
        assert held.keys() == files
        for name, entry in held.items():
            content = Path(name).read_bytes()
            assert entry["sha256"] == hashlib.sha256(content).hexdigest()
            assert entry["id"] == json.loads(content)["id"]

    def test_a_signature_by_somebody_else_is_found(self, damaged, recorded_jobs, key, tmp_path):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        other = tmp_path / "other"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True
        )
        signers = tmp_path / "signers"
        signers.write_text(f"author@example.org {other.with_suffix('.pub').read_text()}")
        (finding,) = audit.audit(
            "tiny", jobs=recorded_jobs, signers=signers, make_again=False
        ).findings
        assert finding.field == "signature"

    def test_a_signature_travels_with_an_export(
        self, damaged, recorded_jobs, key, tmp_path, monkeypatch
    ):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        cli.main(["export", "--study", "tiny", "--out", str(tmp_path / "export.zip")])
        fresh = Clone.at(tmp_path / "fresh")
        damaged.git("clone", "--quiet", str(damaged.folder), str(fresh.folder))
        fresh.git("checkout", "--quiet", "HEAD~1")
        monkeypatch.chdir(fresh.folder)
        assert restore("tiny", tmp_path / "export.zip", checkpoints=False).findings == []
        report = audit.audit("tiny", large=False, jobs=recorded_jobs, make_again=False)
        assert report.findings == []
        assert "The root of the study is signed" in report.proof

    def test_a_signature_of_an_earlier_root_is_said(self, damaged, key):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        assert signature.stale("tiny") is None
        held = root.read("tiny")
        held.pop("root")
        held["rules"]["fit"] += " "
        files.write_json(root.path_of("tiny"), {**held, "root": files.json_sha256(held)})
        assert "scaletrace sign signs this one" in str(signature.stale("tiny"))

    def test_a_missing_signature_is_found_where_one_is_asked_for(
        self, damaged, recorded_jobs, tmp_path
    ):
        signers = tmp_path / "signers"
        signers.write_text("")
        (finding,) = audit.audit(
            "tiny", jobs=recorded_jobs, signers=signers, make_again=False
        ).findings
        assert finding.found == "missing"

    def test_a_key_that_cannot_sign_leaves_the_signature_that_is_there(
        self, damaged, key, tmp_path, capsys
    ):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        before = signature.path_of("tiny").read_bytes()
        other = tmp_path / "other"
        other.write_text("no key\n")
        assert cli.main(["sign", "--key", str(other), "--study", "tiny"]) == 2
        assert capsys.readouterr().err.startswith("scaletrace sign: ssh-keygen: ")
        assert signature.path_of("tiny").read_bytes() == before

    def test_without_ssh_keygen_it_is_said_that_nobody_checked(
        self, damaged, recorded_jobs, key, tmp_path, monkeypatch
    ):
        cli.main(["sign", "--key", str(key), "--study", "tiny"])
        (tmp_path / "signers").write_text("")
        (tmp_path / "tools").mkdir()
        (tmp_path / "tools" / "git").symlink_to(str(shutil.which("git")))
        monkeypatch.setenv("PATH", str(tmp_path / "tools"))
        report = audit.audit("tiny", jobs=recorded_jobs, make_again=False)
        assert report.findings == []
        assert any("ssh-keygen is not installed" in note for note in report.notes)
        assert report.proof.startswith("Unsigned")
        asked = audit.audit(
            "tiny", jobs=recorded_jobs, signers=tmp_path / "signers", make_again=False
        )
        assert [finding.field for finding in asked.findings] == ["signature"]

    def test_only_a_recorded_study_is_signed(self, damaged, key, capsys):
        root.path_of("tiny").unlink()
        assert cli.main(["sign", "--key", str(key), "--study", "tiny"]) == 2
        assert "no readable study root" in capsys.readouterr().err
