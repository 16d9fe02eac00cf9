"""What the program is made of, for machines: ``python -m tools.sbom FILE`` writes the locked packages as CycloneDX 1.5 (JSON), with their hashes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def components(lock: str) -> Iterator[dict[str, Any]]:
    """The packages of a lock file, each with every hash that it may have."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if found := _PACKAGE.match(block.strip()):
            name, version = re.sub(r"[-_.]+", "-", found["name"]).lower(), found["version"]
            yield {
                "type": "library",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
                "bom-ref": f"pkg:pypi/{name}@{version}",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in _HASH.findall(block)],
            }


def bill(lock: str) -> dict[str, Any]:
    """The whole bill."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "qunguanjia", "bom-ref": "qunguanjia"}},
        "components": list(components(lock)),
    }


def main(words: Sequence[str]) -> int:
    """Writes the bill of ``requirements.txt``."""
    made = bill((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    Path(words[0]).write_text(json.dumps(made, indent=2), encoding="utf-8")
    print(f"{len(made['components'])} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
