# Needs GNU make, Python 3.11 (or newer) with its venv module, and nothing else. `make help` lists the targets.

PORT ?= 8080
RUNS ?= 10
STEPS ?= 1000000
SEED ?= 0
ARGS ?=

CANDIDATES = python3.11 python3 python3.12 python3.13 python3.14
FITS = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell for p in $(CANDIDATES); do $$p -c '$(FITS)' >/dev/null 2>&1 && { echo $$p; break; }; done)
ifeq ($(PYTHON),)
$(error 需要 Python 3.11 或更新版本（含 venv 模块），例如：apt install python3.11 python3.11-venv)
endif

VENV = .venv/bin/python

# Where the environment forbids compiled files (containers often do), every process would compile everything again: a third of its start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install install-tracing install-dev run test lint lint-deploy types docs sbom audit soak bench lock clean
.DEFAULT_GOAL := help

help: ## 显示本列表
	@$(PYTHON) tools/bootstrap.py help

install: ## 建 .venv，安装锁定的依赖（已装好则什么也不做，也不联网）
	@$(PYTHON) tools/bootstrap.py runtime

install-tracing: ## 另装 OpenTelemetry，配了 tracing.endpoint 才用得到
	@$(PYTHON) tools/bootstrap.py tracing

install-dev: ## 另装测试与检查工具
	@$(PYTHON) tools/bootstrap.py dev

run: install ## 启动演示 http://127.0.0.1:8080/demo/，不需要账号或密钥；换端口：make run PORT=9000
	@$(VENV) run.py demo --port $(PORT)

test: install-dev ## 全部测试；单跑一个：make test ARGS="tests/test_points.py -k 签到"；留下网页截图：make test BOT_PICTURES=artifacts
	@$(VENV) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install-dev ## 格式、写法、分层、无用代码、依赖清单
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m vulture
	$(VENV) -W ignore -m deptry .

lint-deploy: install-dev ## systemd、Dockerfile、compose、Kubernetes、告警规则
	$(VENV) -m tools.lint_deploy

types: install-dev ## mypy --strict
	$(VENV) -m mypy

docs: install-dev ## 文档与代码是否一致
	$(VENV) -m tools.docs --check

sbom: install-dev ## 软件物料清单（CycloneDX）：artifacts/sbom.json
	@mkdir -p artifacts
	$(VENV) -m tools.sbom artifacts/sbom.json

audit: install ## 用公开的漏洞库查一遍锁定的依赖（要联网）
	$(VENV) -m tools.audit

soak: install-dev ## 长时间的崩溃、乱序、模拟多年：make soak RUNS=100 SEED=7
	@$(VENV) -m tests.soak --runs $(RUNS) --steps $(STEPS) --seed $(SEED)

bench: install-dev ## 与最简单的 Flask 程序同场比较：速率、延迟、CPU、内存、曲线；只要三分钟：make bench ARGS=--quick；留下数字与图：ARGS=--keep
	@$(VENV) -m benchmarks.bench $(ARGS)

lock: install-dev ## 按 requirements*.in 重新锁定依赖版本（需联网）；UPGRADE=1 升级
	@$(VENV) tools/bootstrap.py lock $(if $(UPGRADE),--upgrade)

clean: ## 删除 .venv 与各种缓存；数据目录 data/ 不动
	@$(PYTHON) tools/bootstrap.py clean
