"""What answers and pushes may carry besides their text: pictures, files and cards, as rows of a file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from rules.content_kind import Address, Row, has_no_line_break, is_address, is_sayable

_FILE = re.compile(r"[^\s/\\:][^/\\:\x00-\x1f]{0,99}(?:/[^\s/\\:][^/\\:\x00-\x1f]{0,99}){0,4}")


def _is_picture(text: str) -> str:
    if not _is_file(text).lower().endswith((".png", ".jpg", ".jpeg")) and not text.startswith("https:"):
        raise ValueError("图片只能是 .png 或 .jpg 文件")
    return text


def _is_file(text: str) -> str:
    if text.startswith("https:"):
        return is_address(text)
    if not _FILE.fullmatch(text) or any(not part.strip(". ") for part in text.split("/")):
        raise ValueError("应该是 files 文件夹里的文件，例如 退款/流程.png，或者 https:// 开头的网址")
    return text


Picture = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_is_picture)]
File = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_is_file)]


class CardSheet(Row):
    """A card: WeCom wants it to lead somewhere."""

    title: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
    text: Annotated[str, Field(max_length=500)] = ""
    url: Address
    picture: Annotated[str, Field(max_length=2_000), AfterValidator(is_address)] = ""
