"""The console's foreign style sheet and script: fetched from the npm registry at build time, kept in the repository with their licences.

``python -m tools.vendor_assets`` fetches them anew; ``--check`` fetches nothing, names the files that are not what was fetched and ends with 1.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

VENDOR = Path(__file__).resolve().parent.parent / "console" / "static" / "vendor"
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the registry: its tarball's SHA-512 as the registry tells it, and which of its files become which of ours."""

    name: str
    integrity: str
    files: Mapping[str, str]


PACKAGES = (
    Package(
        "htmx.org@2.0.8",
        "fm297iru0iWsNJlBrjvtN7V9zjaxd+69Oqjh4F/Vq9Wwi2kFisLcrLCiv5oBX0KLfOX/zG8AUo9ROMU5XUB44Q==",
        {"package/dist/htmx.min.js": "htmx.min.js", "package/LICENSE": "htmx.LICENSE.txt"},
    ),
    Package(
        "@picocss/pico@2.1.1",
        "kIDugA7Ps4U+2BHxiNHmvgPIQDWPDU4IeU6TNRdvXQM1uZX+FibqDQT2xUOnnO2yq/LUHcwnGlu1hvf4KfXnMg==",
        {"package/css/pico.min.css": "pico.min.css", "package/LICENSE.md": "pico.LICENSE.txt"},
    ),
    Package(
        "echarts@6.0.0",
        "Tte/grDQRiETQP4xz3iZWSvoHrkCQtwqd6hs+mifXcjrCuo2iKWbajFObuLJVBlDIJlOzgQPd1hsaKt/3+OMkQ==",
        {
            "package/dist/echarts.common.min.js": "echarts.min.js",
            "package/LICENSE": "echarts.LICENSE.txt",
            "package/NOTICE": "echarts.NOTICE.txt",
        },
    ),
)


def fetch(package: Package, into: Path) -> None:
    """Puts a package's files into a folder. Raises ValueError when the registry gave something else than what was looked at once."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", package.name, "--silent", "--pack-destination", folder], check=True, stdout=subprocess.DEVNULL)
        [tarball] = Path(folder).glob("*.tgz")
        if base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode() != package.integrity:
            raise ValueError(f"{package.name}: not the tarball that is named in tools/vendor_assets.py")
        with tarfile.open(tarball) as packed:
            for inside, name in package.files.items():
                member = packed.extractfile(inside)
                assert member is not None
                (into / name).write_bytes(member.read())


def sums(folder: Path = VENDOR) -> str:
    """The SHA-256 of every file in the folder, as ``sha256sum`` writes them."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)


def is_as_fetched(folder: Path = VENDOR) -> bool:
    """Whether the files are those that were fetched, no more and no less."""
    return (folder / SUMS).exists() and (folder / SUMS).read_text(encoding="utf-8") == sums(folder)


@click.command()
@click.option("--check", is_flag=True, help="只检查，不下载")
def main(check: bool) -> None:
    """下载控制台用的样式和脚本（htmx、Pico CSS、ECharts）。"""
    if check:
        sys.exit(0 if is_as_fetched() else "console/static/vendor 与下载时不同：请重新运行 python -m tools.vendor_assets")
    VENDOR.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        fetch(package, VENDOR)
    (VENDOR / SUMS).write_text(sums(), encoding="utf-8")
    click.echo(f"{len(PACKAGES)} 个包已写入 {VENDOR}")


if __name__ == "__main__":
    main()
