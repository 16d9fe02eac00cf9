"""Whether what an installation is made of holds: ``python -m tools.lint_deploy [FOLDER]`` (default ``deploy``), with the tools of each trade.

systemd-analyze reads the units (and rates how much they may do), hadolint the Dockerfile, dclint the compose file by its specification, kubernetes-validate the
manifests by the schemas of Kubernetes, promtool the alert rules. A tool that is missing is a problem, not a pass.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BESIDE = Path(sys.executable).parent
DCLINT = ROOT / "tests" / "vendor_peers" / "node_modules" / ".bin" / "dclint"
MOST_EXPOSED = 25
"""What ``systemd-analyze security`` may say of a unit, in tenths: 0 is locked up, 100 may do anything."""
INSTALLED = "/opt/qunguanjia/.venv/bin/python /opt/qunguanjia/run.py"


def problems(folder: Path) -> Iterator[str]:
    """Everything that any of the tools has to say."""
    for check in CHECKS.values():
        yield from check(folder)


def _units(deploy: Path) -> Iterator[str]:
    """The units as they are, but that the program stands where this one does: systemd looks whether it is there."""
    analyze = _tool("systemd-analyze")
    with tempfile.TemporaryDirectory() as made:
        for unit in sorted((deploy / "systemd").glob("*.service")):
            text = (
                unit.read_text(encoding="utf-8")
                .replace(INSTALLED, f"{sys.executable} {ROOT / 'run.py'}")
                .replace("/opt/qunguanjia", str(ROOT))
            )
            here = Path(made) / unit.name
            here.write_text(text, encoding="utf-8")
            yield from _said(unit.name, [analyze, "verify", "--man=no", str(here)], quiet=True)
            yield from _said(unit.name, [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(here)])


def _image(deploy: Path) -> Iterator[str]:
    yield from _said("Dockerfile", [_tool("hadolint", BESIDE), str(deploy / "docker" / "Dockerfile")])


def _compose(deploy: Path) -> Iterator[str]:
    settings, file = deploy / "docker" / ".dclintrc", deploy / "docker" / "compose.yaml"
    yield from _said("compose", [_tool("dclint", DCLINT.parent), "--max-warnings", "0", "-c", str(settings), str(file)])


def _alerts(deploy: Path) -> Iterator[str]:
    yield from _said("alert rules", [_tool("promtool"), "check", "rules", str(deploy / "prometheus" / "alerts.yaml")])


def _manifests(deploy: Path) -> Iterator[str]:
    folder = deploy / "kubernetes"
    files = sorted(folder.glob("*.yaml"))
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    there = [file.name for file in files if file.name != "kustomization.yaml"]
    if sorted(listed) != there:
        yield f"kustomization.yaml lists {sorted(listed)}, there are {there}"
    resources = [str(file) for file in files if file.name != "kustomization.yaml"]
    yield from _said("manifests", [_tool("kubernetes-validate", BESIDE), "--strict", "--quiet", "--no-warn", *resources])


def _tool(name: str, folder: Path | None = None) -> str:
    found = shutil.which(name, path=str(folder) if folder else None)
    return found or name


def _said(what: str, words: Sequence[str], *, quiet: bool = False) -> Iterator[str]:
    """What a tool says where it fails, or, ``quiet``, where it says anything at all."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        yield f"{what}: {words[0]} is not installed (see .ci/run)"
        return
    said = f"{done.stdout}{done.stderr}".strip()
    if done.returncode or (quiet and said):
        yield f"{what}: {said or f'exit code {done.returncode}'}"


CHECKS: Mapping[str, Callable[[Path], Iterator[str]]] = {
    "units": _units,
    "image": _image,
    "compose": _compose,
    "manifests": _manifests,
    "alerts": _alerts,
}


def main(words: Sequence[str]) -> int:
    """Prints the problems; 1 where there is one."""
    found = list(problems(Path(words[0]) if words else ROOT / "deploy"))
    print("\n".join(found) if found else "units, image, compose file, manifests and alert rules hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
