"""What an installation is made of: held by the tools of each trade, which find a fault of each kind; and fitting the program."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import load
from bot.metrics import Metrics
from tools import lint_deploy
from tools.lint_deploy import CHECKS

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
needs_tools = pytest.mark.skipif(
    not (shutil.which("systemd-analyze") and shutil.which("promtool") and lint_deploy.DCLINT.exists()),
    reason="no systemd-analyze, promtool or dclint: .ci/run installs them",
)


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A copy, to be spoilt."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    return tmp_path / "deploy"


def spoil(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


def said_of(folder: Path) -> str:
    return "\n".join(lint_deploy.problems(folder))


@needs_tools
def test_everything_holds() -> None:
    assert said_of(DEPLOY) == ""


FAULTS = {
    "alerts": ("prometheus/alerts.yaml", "expr: ", "expr: ((", "parse"),
    "units": ("systemd/qunguanjia.service", "Restart=always", "Restart=sometimes", "restart specifier"),
    "exposed": ("systemd/qunguanjia-web.service", "CapabilityBoundingSet=\n", "", "exposure"),
    "image": ("docker/Dockerfile", "USER 10001:10001", "USER root", "root"),
    "base": ("docker/Dockerfile", "FROM python:3.11-slim-bookworm AS build", "FROM python AS build", "DL3006"),
    "compose": ("docker/compose.yaml", "    restart: unless-stopped\n", "    restarts: unless-stopped\n", "additional properties"),
    "manifests": ("kubernetes/web.yaml", "replicas: 2", "replica: 2", "replica"),
    "kustomization": ("kubernetes/kustomization.yaml", "  - scaling.yaml\n", "", "scaling.yaml"),
}


@needs_tools
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_each_kind_is_found(deploy: Path, kind: str) -> None:
    file, before, after, words = FAULTS[kind]
    if kind == "exposed":
        for line in ("NoNewPrivileges=yes\n", "ProtectSystem=strict\n", "SystemCallFilter=@system-service\n", "PrivateDevices=yes\n"):
            spoil(deploy / file, line, "")
    spoil(deploy / file, before, after)
    check = CHECKS[{"exposed": "units", "base": "image", "kustomization": "manifests"}.get(kind, kind)]
    assert words in "\n".join(check(deploy))


# Fitting the program ------------------------------------------------------------------------------------------------------------


def documents() -> list[dict[str, Any]]:
    files = [file for file in KUBERNETES.glob("*.yaml") if file.name != "kustomization.yaml"]
    return [document for file in files for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def test_the_image_has_all_that_the_program_imports_and_nothing_else() -> None:
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    rooms = set(re.findall(r"^COPY (\w+) \w+$", dockerfile, re.MULTILINE))
    assert rooms == {"bot", "commands", "console", "handlers", "rules", "scheduler", "simulator", "storage"}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*", "nothing is sent to the build but what is named"
    listed = rooms | {"requirements-build.txt", "requirements.txt", "run.py", "config.yaml"}
    assert {line[1:] for line in ignored if line.startswith("!")} == listed


def test_the_configuration_of_the_manifests_is_one(tmp_path: Path) -> None:
    text = next(document["data"]["config.yaml"] for document in documents() if document["kind"] == "ConfigMap")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    secrets = {"BOT_REDIS_URL": "redis://redis:6379", "EVIDENCE_KEY": "A" * 43 + "=", "METRICS_TOKEN": "t", "BOT_HOST": "0.0.0.0"}
    config = load(tmp_path / "config.yaml", secrets)
    assert config.server.host == "0.0.0.0"
    assert (config.server.port, config.metrics.port) == (8080, 8081)
    assert str(config.data_path) == "/data"


def test_probes_ask_where_the_program_answers() -> None:
    ports = {"web": 8080, "worker": 8081}
    for document in documents():
        if document["kind"] != "Deployment":
            continue
        [container] = document["spec"]["template"]["spec"]["containers"]
        assert [port["containerPort"] for port in container["ports"]] == [ports[container["name"]]]
        assert container["args"] == [container["name"]]
        assert {probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")} == {"/healthz", "/readyz"}


def names_of_figures() -> set[str]:
    """What /metrics calls the bot's own figures."""
    return {figure._name for figure in vars(Metrics()).values()}


def test_scaling_asks_for_figures_that_exist() -> None:
    asked = {
        metric["external"]["metric"]["name"]
        for document in documents() if document["kind"] == "HorizontalPodAutoscaler"
        for metric in document["spec"]["metrics"] if metric["type"] == "External"
    }  # fmt: skip
    assert asked == {"bot_inbox_oldest_seconds", "bot_outbox_late_seconds"} & names_of_figures()


def test_units_differ_in_their_role_alone() -> None:
    whole = (DEPLOY / "systemd" / "qunguanjia.service").read_text(encoding="utf-8").splitlines()
    for role in ("web", "worker", "clock"):
        unit = (DEPLOY / "systemd" / f"qunguanjia-{role}.service").read_text(encoding="utf-8").splitlines()
        differing = [line for line, other in zip(unit, whole, strict=True) if line != other]
        assert len(differing) == 3, "head, description and command"
        assert f"ExecStart=/opt/qunguanjia/.venv/bin/python /opt/qunguanjia/run.py {role}" in differing


def test_the_command_of_the_administrator_runs_as_the_service_does() -> None:
    unit = dict(
        line.split("=", 1) for line in (DEPLOY / "systemd" / "qunguanjia.service").read_text(encoding="utf-8").splitlines() if "=" in line
    )
    command = (DEPLOY / "systemd" / "qunguanjia").read_text(encoding="utf-8")
    wanted = [
        f"-u {unit['User']} ",
        unit["EnvironmentFile"].removeprefix("-"),
        unit["ExecStart"].removesuffix(" serve"),
        unit["Environment"].split()[0],
    ]
    assert [one for one in wanted if one not in command] == []


def test_alerts_ask_for_figures_that_exist_and_name_a_cure() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"\bbot_[a-z_]+", rule["expr"])}
    known = names_of_figures()
    assert {name for name in asked if re.sub(r"_(total|bucket)$", "", name) not in known} == set()
    assert all(
        (rule["annotations"]["summary"] and rule["annotations"]["cure"].endswith("。")) or "list" in rule["annotations"]["cure"]
        for rule in rules
    )
