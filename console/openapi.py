"""The description of the open interface (OpenAPI 3.1), made from the table that its routes are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from console.api_answers import Problem
from console.api_routes import EVERYWHERE, Endpoint, Parameter

VERSION = "1.0.0"
_REF = "#/components/schemas/{name}"
PROBLEMS = {
    400: "参数不对",
    401: "没有令牌，或者它不对、过期、被吊销了",
    403: "令牌没有这个权限",
    404: "没有这个网址，或者令牌看不到这个社群",
    429: "太快了，请按 Retry-After 等一等",
    503: "机器人的存储没有应答",
}


def describe(endpoints: Sequence[Endpoint], base: str) -> dict[str, Any]:
    """The document. ``base`` is what addresses begin with."""
    _, schemas = msgspec.json.schema_components([*(one.answer for one in endpoints), Problem], ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "群管家开放接口",
            "version": VERSION,
            "description": "只读。每个请求带上 `Authorization: Bearer 令牌`；令牌由管理员在控制台的“接口令牌”页建立。",
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": {one.path: {"get": _operation(one)} for one in endpoints},
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(one: Endpoint) -> dict[str, Any]:
    parameters = [_parameter(found, f"{{{found.name}}}" in one.path) for found in one.parameters]
    if one.has_community:
        meaning = f"社群的 id{f'；{EVERYWHERE} 是整个安装（令牌要能看全部社群）' if one.everywhere else ''}"
        parameters.insert(0, {"name": "community", "in": "path", "required": True, "schema": {"type": "string"}, "description": meaning})
    return {
        "operationId": one.id,
        "summary": one.summary,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": one.summary,
                "content": {"application/json": {"schema": {"$ref": _REF.format(name=one.answer.__name__)}}},
            },
            **{str(status): _problem(meaning) for status, meaning in PROBLEMS.items()},
        },
    }


def _parameter(one: Parameter, in_path: bool) -> dict[str, Any]:
    schema = dict(one.schema)
    if one.fallback not in (None, "") and not in_path:
        schema["default"] = one.fallback
    return {"name": one.name, "in": "path" if in_path else "query", "required": in_path, "schema": schema, "description": one.meaning}


def _problem(meaning: str) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}}
