"""Known faults of the locked packages, by the advisory database on PyPI: ``python -m tools.audit``; 1 where there is one, 0 also where nobody answers."""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from tools.sbom import ROOT, components

ASK_WITHIN_S = 10.0


def main() -> int:
    """Asks about each package; says which faults it has and in which version they are mended."""
    found, asked = 0, 0
    for one in components(Path(ROOT / "requirements.txt").read_text(encoding="utf-8")):
        try:
            answer = requests.get(f"https://pypi.org/pypi/{one['name']}/{one['version']}/json", timeout=ASK_WITHIN_S)
        except requests.RequestException as error:
            print(f"the database is not reachable from here ({type(error).__name__}): {asked} packages looked up")
            return 1 if found else 0
        asked += 1
        for fault in answer.json().get("vulnerabilities", ()) if answer.ok else ():
            found += 1
            mended = ", ".join(fault.get("fixed_in", ())) or "no version yet"
            print(f"{one['name']} {one['version']}: {fault['id']} {fault.get('summary') or ''}")
            print(f"  mended in {mended}")
    print(f"{asked} packages, {found} known faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
