"""导出: every table of the console as CSV or Excel, by one way: who may see the page may take its table along, and that is audited."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, g, request, url_for

from bot.communities import Community
from bot.permissions import may
from console.doors import needs, needs_everywhere
from console.parts import Parts, visitor
from console.sheets import Source, Table
from console.tables import TABLES
from rules.cells import TYPES, csv_pieces
from storage.limits import Limits, Rules
from storage.moment import to_ms

PER_MEMBER: Rules = ((60, 60), (600, 3600))
"""Tables that one member takes along: reading a whole community is work."""


class TablePages:
    """The tables to take along."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._limits = Limits(parts.stores.database)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the tables to the console."""
        for table in TABLES.values():
            guard = needs_everywhere(table.role) if table.is_for_all else needs(self._parts, table.role)
            view = guard(partial(self.give_out, table=table))
            pages.add_url_rule(table.path("<place>", "<any(csv, xlsx):form>"), f"table_{table.name}", view)

    def give_out(self, community: Community | None = None, *, form: str, table: Table) -> Any:
        """One table as a file."""
        parts, me, now = self._parts, visitor(), self._parts.clock()
        of_all = community is None
        community = community or next(place for place in parts.places if place.id in me.roles)
        if self._limits.acquire(f"console.export.{me.number}", PER_MEMBER, to_ms(now)):
            abort(429)
        source = Source(
            parts,
            community,
            parts.office(community),
            request.args.get("of", "")[:64],
            everywhere=may(me.everywhere, "admin"),
            role=me.roles[community.id],
        )
        subject = f"{table.title}{f' {source.of}' if source.of else ''}"
        parts.stores.audit.record("" if of_all else community.id, str(me.number), "导出表格", subject, "", form, now, once="")
        name = f"{'' if of_all else f'{community.name}-'}{table.title}-{source.today:%Y%m%d}.{form}"
        lines = table.lines(source)
        body: Any = csv_pieces(lines) if form == "csv" else parts.write_table(name, table.title, lines, table.kinds)
        answer = Response(body, content_type=TYPES[form])
        answer.headers["Content-Disposition"] = f"attachment; filename={table.name}.{form}; filename*=UTF-8''{quote(name, safe='')}"
        return answer


def exports() -> list[tuple[str, str, str]]:
    """What the page that is shown lets one take along: title, address of the CSV, address of the Excel file."""
    endpoint, community = (request.endpoint or "").removeprefix("console."), g.get("community")
    found = []
    for table in TABLES.values():
        if table.page != endpoint:
            continue
        if table.is_for_all and may(visitor().everywhere, table.role):
            csv, excel = (url_for(table.endpoint, form=form) for form in TYPES)
            found.append((table.title, csv, excel))
        elif community is not None and visitor().may(community.id, table.role):
            of = str((request.view_args or {}).get(table.of) or request.args.get(table.of, "")) if table.of else ""
            csv, excel = (url_for(table.endpoint, place=community.id, form=form, of=of or None) for form in TYPES)
            found.append((table.title, csv, excel))
    return found
