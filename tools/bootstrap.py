"""What the Makefile does, in Python: a machine with make and Python alone has neither rm nor sha256sum.

Standard library only; ``python tools/bootstrap.py runtime|tracing|dev|lock [--upgrade]|clean|help``.

An installation counts only when its stamp is there, written last and named by the hash of all that went in: an interrupted one
begins anew, a finished one needs neither pip nor network.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILD = "requirements-build.txt"
LOCKS = {
    "runtime": ["requirements.txt"],
    "tracing": ["requirements.txt", "requirements-tracing.txt"],
    "dev": ["requirements.txt", "requirements-tracing.txt", "requirements-dev.txt"],
}
LITTER = (".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache", "artifacts")


def install(kind: str) -> None:
    """Makes sure that ``.venv`` holds exactly the locked packages of ``runtime``, ``tracing`` or ``dev``."""
    with open(ROOT / BUILD, encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make run` and `make test` may start side by side
        if _stamp(kind).exists() and PYTHON.exists():
            return
        if not (_stamp("runtime").exists() and PYTHON.exists()):
            _make_venv()
        names = LOCKS[kind]
        print(f"正在安装依赖（{'、'.join(names)}）……", flush=True)
        if not (_install_by_uv(names) or _install_by_pip(names)):
            sys.exit("依赖没有装上，原因见上。请检查网络或软件源后再执行一次；国内网络可先设 PIP_INDEX_URL 指向镜像。")
        for done in {"runtime", kind}:
            _stamp(done).touch()


def lock(words: Sequence[str]) -> None:
    """Writes the locks anew. Versions stay as they are where they still fit, unless ``--upgrade`` is among the words."""
    for name in ("requirements", "requirements-tracing", "requirements-dev", "requirements-build"):
        print(f"{name}.in → {name}.txt", flush=True)
        done = _run(
            *(PYTHON, "-m", "uv", "pip", "compile", "--quiet", f"{name}.in", "--output-file", f"{name}.txt"),
            *("--generate-hashes", "--universal", "--python-version", "3.11", "--custom-compile-command", "make lock", *words),
            environment=_for_uv(),
        )
        if not done:
            sys.exit(f"{name}.in 锁定失败，原因见上。")


def clean() -> None:
    """Removes what can be made again; never data."""
    for name in LITTER:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for cache in ROOT.rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)


def show_help() -> None:
    """Prints the Makefile's targets with their comments."""
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([a-z-]+):.*## (.*)", line):
            print(f"make {found[1]:12} {found[2]}")


def _stamp(kind: str) -> Path:
    content = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())  # a venv cannot be moved
    for name in (BUILD, *LOCKS[kind]):
        content.update((ROOT / name).read_bytes())
    return VENV / f".installed-{kind}-{content.hexdigest()[:16]}"


def _make_venv() -> None:
    print(f"正在建立 .venv（Python {sys.version.split()[0]}）……", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    if not _run(sys.executable, "-m", "venv", VENV):
        sys.exit("不能建立虚拟环境：缺少 venv 模块。Debian 或 Ubuntu 请执行：apt install python3-venv")


def _install_by_uv(names: Sequence[str]) -> bool:
    if not _pip("--only-binary", ":all:", "-r", BUILD):
        print("uv 装不上，改用 pip，会慢一些……", flush=True)
        return False
    wanted = [word for name in names for word in ("-r", name)]
    # Compiled now, once: else every process of the first start compiles for itself, and each process of every start where Python writes nothing.
    how = ("--require-hashes", "--no-build-isolation", "--compile-bytecode")
    return _run(PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, *how, *wanted, environment=_for_uv())


def _install_by_pip(names: Sequence[str]) -> bool:
    return _pip(*(word for name in names for word in ("-r", name)))


def _pip(*words: str) -> bool:
    return _run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", *words)


def _run(*words: str | Path, environment: Mapping[str, str] | None = None) -> bool:
    return subprocess.run([str(word) for word in words], cwd=ROOT, env=environment, check=False).returncode == 0


def _for_uv() -> dict[str, str]:
    """Our environment, and what pip is configured with: uv reads none of pip's settings, and a mirror there is what works here."""
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    environment = dict(os.environ)
    for setting, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        for value in re.findall(rf"^(?:global|install|:env:)\.{setting}='(.+)'$", listed, re.MULTILINE):
            environment.setdefault(variable, value)
    return environment


def main(words: Sequence[str]) -> None:
    """Does what the first word says; help for anything else."""
    if words[:1] == ["lock"]:
        lock(words[1:])
    elif words[:1] == ["clean"]:
        clean()
    elif len(words) == 1 and words[0] in LOCKS:
        install(words[0])
    else:
        show_help()


if __name__ == "__main__":
    main(sys.argv[1:])
