"""No secret is under version control; and the bill of what the program is made of names every locked package."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.sbom import bill, components

ROOT = Path(__file__).parent.parent
SECRETS = {
    "private key": re.compile(rb"-----BEGIN (?:RSA |EC |OPENSSH |PGP )?PRIVATE KEY"),
    "webhook": re.compile(rb"webhook/send\?key=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "cloud key": re.compile(rb"\b(?:AKIA[0-9A-Z]{16}|LTAI[0-9A-Za-z]{16,24}|AKID[0-9A-Za-z]{32})\b"),
    "token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20}|xox[baprs]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9]{32,})\b"),
    "Fernet key": re.compile(rb"(?<![A-Za-z0-9_+/=-])[A-Za-z0-9_-]{43}=(?![A-Za-z0-9_=-])"),
    "corp secret": re.compile(rb"(?i)corp_?secret['\"]?\s*[:=]\s*['\"][A-Za-z0-9_-]{43}['\"]"),
}
PUBLIC = {
    b"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=": "forty-three letters A, an example",
}


def tracked() -> list[Path]:
    """Every file under version control, or of the folder where there is none."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name] if listed.returncode == 0 else []


def secrets_in(data: bytes) -> Iterator[str]:
    """What looks like a secret, by kind and without showing it whole."""
    for kind, pattern in SECRETS.items():
        for found in pattern.findall(data):
            if found not in PUBLIC and len(set(found)) > 12:  # an example repeats itself
                yield f"{kind} {found[:6].decode()}…"


def test_no_file_holds_a_secret() -> None:
    files = [file for file in tracked() if file.is_file() and file.suffix not in (".png", ".gz", ".npz", ".woff2", ".ico", ".jpg")]
    found = {str(file.relative_to(ROOT)): told for file in files if (told := list(secrets_in(file.read_bytes())))}
    assert found == {}


@pytest.mark.parametrize(
    "planted",
    [
        b"-----BEGIN " + b"PRIVATE KEY-----",
        b"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?" + b"key=693a91f6-7bc4" + b"-4bc4-97a0-0ec2a1fa5aaa",
        b"AKIA" + b"J3QWERTYUIOP1234",
        b"key: " + b"Zm9vYmFyMTIzNDU2Nzg5MGFiY2" + b"RlZmdoaWprbG1ub3A=",
        b"ghp_" + b"aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5",
    ],
)
def test_one_of_each_kind_would_be_found(planted: bytes) -> None:
    assert list(secrets_in(planted))


def test_the_bill_names_every_locked_package_with_its_hashes() -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    made = list(components(lock))
    pinned = re.findall(r"(?m)^[A-Za-z0-9._-]+(?:\[[^\]]*\])?==", lock)
    assert len(made) == len(pinned) > 30
    assert all(one["hashes"] for one in made)
    assert bill(lock)["bomFormat"] == "CycloneDX"
