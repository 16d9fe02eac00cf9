"""The pushes as a table: out and in again the same, what is not in it stays, and every mistake is named with its row and column."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.content_file import ContentProblem
from rules.content_tables import table_of, text_of_table
from rules.contents import PUSHES, from_items, items_of, to_items
from rules.push_sheets import HEADS
from rules.pushes import Arm, Body, Push, Trial

DAILY = Push("daily", "0 9 * * mon-fri", "早安，{nickname}", "main", title="早安", days="workdays", column="每日一课")
ONCE = Push("once", "", "=周年庆\n开始了", at="2026-12-01 09:00", enabled=False, marketing=True, quiet="skip")
ALONE = Push("alone", "0 10 * * *", "好久不见", "main", to="members", segment="silent_days > 7")
TRIED = Push("tried", "0 20 * * *", "A", "main", arms=(Arm("A", Body("甲")), Arm("B", Body("乙"))), trial=Trial())


def taken(present: tuple[Push, ...], data: bytes, name: str = "推送.csv") -> tuple[Push, ...]:
    return from_items(PUSHES, to_items(PUSHES, text_of_table(PUSHES, items_of(PUSHES, present), name, data)))


def csv(*rows: str) -> bytes:
    return "\n".join([",".join(HEADS.values()), *rows]).encode()


@pytest.mark.parametrize("name", ["推送.csv", "推送.xlsx"])
def test_pushes_come_back_the_same_with_what_no_column_holds(name: str) -> None:
    present = (DAILY, ONCE, ALONE, TRIED)
    assert taken(present, table_of(PUSHES, items_of(PUSHES, present), name), name) == present


def test_a_new_row_is_a_new_push_and_taken_in_again_it_is_the_same() -> None:
    row = ",元旦,2027-01-01 09:00,,每天,main,群,,新年快乐,,否,等到早上,是"
    once = taken((DAILY,), csv(row))
    assert [(push.text, push.at, push.community) for push in once] == [
        ("早安，{nickname}", "", "main"),
        ("新年快乐", "2027-01-01 09:00", "main"),
    ]
    assert taken(once, csv(row)) == once


def test_new_rows_that_say_the_same_to_others_are_pushes_of_their_own() -> None:
    row = ",元旦,2027-01-01 09:00,,每天,main,{},,新年快乐,,否,等到早上,是"
    assert [push.to for push in taken((), csv(row.format("群"), row.format("一个一个")))] == ["groups", "members"]


def test_what_somebody_agreed_to_is_asked_for_anew_where_it_says_something_else() -> None:
    agreed = replace(DAILY, approval="granted", asked_by=1, granted_by=2, asked_at=3)
    row = "daily,{},,0 9 * * mon-fri,工作日,main,群,,{},每日一课,否,等到早上,是"
    [renamed] = taken((agreed,), csv(row.format("早", "“早安，{nickname}”".strip("“”"))))
    assert (renamed.title, renamed.approval, renamed.granted_by) == ("早", "granted", 2)
    [other] = taken((agreed,), csv(row.format("早安", "五折")))
    assert (other.text, other.approval, other.granted_by) == ("五折", "asked", 0)


def test_every_mistake_is_named_with_its_row_and_column() -> None:
    with pytest.raises(ContentProblem) as caught:
        taken(
            (),
            csv(
                ",,2027-02-30 09:00,,每天,main,群,,好,,否,等到早上,是",
                ",,,0 9 * * *,有时,main,群,,好,,也许,等到早上,是",
                ",,,0 9 * * *,每天,,群,,好,,否,等到早上,是",
            ),
        )
    told = "\n".join(caught.value.problems)
    assert "第 2 行（只发一次）：" in told
    assert "第 3 行（哪些天）：只能是 每天、工作日、" in told
    assert "第 3 行（营销）：只能是 是、否" in told
    assert "第 4 行（社群）" in told


def test_a_table_without_all_its_columns_is_refused() -> None:
    """A column that is left out would switch pushes on, or send them everywhere, and nobody had said so."""
    with pytest.raises(ContentProblem, match="表头要有：编号、标题"):
        taken((DAILY,), "编号,内容\ndaily,五折".encode())
