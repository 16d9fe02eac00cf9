"""What programs read: the open interface with its tokens and its description, and tables to take along."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from chat import MAIN, Chat, OpenChat
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate
from openpyxl import load_workbook
from prometheus_client import Gauge
from visits import Visit, inside, met, web
from werkzeug.test import TestResponse

from bot.leavers import note_left
from bot.metrics import Metrics
from bot.vitals import look
from console.api_routes import ENDPOINTS
from console.sheets import Table
from console.table_pages import PER_MEMBER
from console.tables import TABLES
from rules.cells import csv_pieces, defused, fused
from rules.figures import Where
from rules.metrics import METRICS
from rules.sheets import read_csv, read_excel
from storage import api_tokens
from storage.limits import Limits
from storage.moment import to_ms

pytest_plugins = ("chat",)

ROOT = Path(__file__).resolve().parent.parent
TOKENS = "/console/in/main/tokens"
API = "/api/v1"


@dataclass
class Program:
    """Somebody's program with a token; every answer is held against the description."""

    client: FlaskClient
    token: str
    document: dict[str, Any]

    def asks(self, path: str, **headers: str) -> TestResponse:
        """An answer as it comes, checked."""
        answer = self.client.get(f"{API}{path}", headers={"Authorization": f"Bearer {self.token}"} | headers)
        if answer.status_code != 304:
            self.check(path, answer)
        return answer

    def reads(self, path: str) -> Any:
        """What an address says."""
        answer = self.asks(path)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()

    def check(self, path: str, answer: TestResponse) -> None:
        """Holds an answer against the description: the shape that its address and status have there."""
        template = next((one.path for one in ENDPOINTS if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one.path), path.partition("?")[0])), None)
        if answer.status_code == 200:
            assert template
        said = self.document["paths"][template or "/communities"]["get"]["responses"][str(answer.status_code)]["content"]
        [(mimetype, content)] = said.items()
        assert answer.mimetype == mimetype
        jsonschema.validate(
            answer.get_json(), {**content["schema"], "components": self.document["components"]}, format_checker=jsonschema.FormatChecker()
        )


def made(chat: Chat, browser: Visit | None = None, **fields: str) -> str:
    """A token that an administrator makes on the page."""
    browser = browser or inside(chat)
    browser.opens(TOKENS)
    page = browser.posts(f"{TOKENS}/make", **{"name": "报表", "days": "365"} | fields)
    found = re.search(r'data-testid="token">(qgj_[\w-]{43})<', page)
    assert found, page
    return found[1]


def program(chat: Chat, token: str | None = None, **fields: str) -> Program:
    """A program with a token of its own."""
    client = web(chat).test_client()
    return Program(client, made(chat, **fields) if token is None else token, client.get(f"{API}/openapi.json").get_json())


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def busy(chat: Chat) -> Chat:
    """A day on which every table gets something."""
    chat.as_admin("发积分 @李雷 500 热心解答")
    chat.as_admin("商城 补货 群贴纸一套 20")
    chat.as_admin("发起投票 团建去哪儿 | 爬山 | 看电影")
    chat.as_admin("1")
    chat.as_admin("发起征稿 我和一本书 | 200 字以内 | 截止 2天后")
    chat.as_admin("1")
    said = (
        "兑换 群贴纸一套", "1", "投票 1", "新人任务", "人工 发票怎么一直没有收到", "投稿 《城南旧事》我读了三遍，每一遍都看见不同的自己", "参加挑战 1",
        "月亮离我们有几层楼那么高呀",
    )  # fmt: skip
    for words in said:
        chat.says(words, user="lilei")
    chat.later(days=1)
    return chat


# The description ------------------------------------------------------------------------------------------------------------


def test_the_description_is_good_openapi_and_names_every_address(chat: Chat) -> None:
    document = web(chat).test_client().get(f"{API}/openapi.json").get_json()
    validate(document)
    rules = {rule.rule for rule in web(chat).url_map.iter_rules() if rule.endpoint.startswith("api.")}
    served = {rule.removeprefix(API).replace("<", "{").replace(">", "}") for rule in rules} - {"/", "/{path:rest}", "/openapi.json"}
    assert served == set(document["paths"])


def test_the_docs_name_every_address() -> None:
    docs = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(/\S+)` \|", docs, flags=re.MULTILINE) == [one.path for one in ENDPOINTS]


def test_every_address_answers_as_it_is_described(chat: Chat) -> None:
    asking = program(busy(chat), place="*", names="on")
    for one in ENDPOINTS:
        path = one.path.replace("{community}", "main").replace("{metric}", next(iter(METRICS)))
        assert asking.asks(path).status_code == 200, path
    for path in ("figures", "days", "heat", "cohorts", f"series/{next(iter(METRICS))}"):
        assert asking.asks(f"/communities/~all/{path}").status_code == 200, path
        assert asking.asks(f"/communities/main/{path}?group={MAIN}").status_code == 200, path


def test_it_tells_the_same_numbers_as_the_console(chat: Chat) -> None:
    chat.later(days=1)
    asking = program(chat)
    found = asking.reads("/communities/main/days?first=2000-01-01&last=2000-01-02")
    assert [one["day"] for one in found["items"]] == ["2000-01-01", "2000-01-02"]
    days = asking.reads("/communities/main/days")["items"]
    last = date.fromisoformat(days[-1]["day"])
    own = chat.stores.daybook.days(Where("main"), last, last, last + timedelta(days=1))[0]
    assert (days[-1]["active"], days[-1]["members"], days[-1]["counts"]) == (own.spoke.day, own.members, dict(own.counts))
    assert own.counts, "something was counted"
    board = asking.reads("/communities/main/leaderboard?period=all")
    assert board["items"][0]["rank"] == 1
    assert {one["name"] for one in board["items"]} == {None}


# Tokens ---------------------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_kept_as_a_digest(chat: Chat) -> None:
    browser = inside(chat)
    token = made(chat, browser)
    assert token not in browser.opens(TOKENS)
    assert "报表" in browser.opens(TOKENS)
    assert token not in str(chat.stores.database.command("HGETALL", "qb:{api}:tokens"))
    assert "还没用过" in browser.opens(TOKENS)
    program(chat, token).reads("/communities")
    assert "还没用过" not in browser.opens(TOKENS)
    assert "建立接口令牌" in browser.opens("/console/in/main/audit")


def test_a_double_click_makes_one_token(chat: Chat) -> None:
    browser = inside(chat)
    assert made(chat, browser, once="a1") == made(chat, browser, once="a1")
    assert len(chat.stores.api_tokens.all()) == 1


def test_a_token_that_was_ended_never_comes_back_by_its_form(chat: Chat) -> None:
    browser = inside(chat)
    asking = program(chat, made(chat, browser, once="a1", days="30"))
    browser.opens(TOKENS)
    again = browser.posts(f"{TOKENS}/make", once="a1", name="别的", days="1095", names="on")
    assert (browser.status, asking.token in again) == (409, False), "the same form with other words in it makes no other token"
    [(kept, _)] = chat.stores.api_tokens.all()
    assert (kept.name, kept.names) == ("报表", False)
    browser.opens(TOKENS)
    browser.posts(f"{TOKENS}/revoke", id=kept.id)
    for days in ("30", "1095"):
        browser.opens(TOKENS)
        assert "已经建过令牌了" in browser.posts(f"{TOKENS}/make", once="a1", name="报表", days=days)
        assert browser.status == 409
        assert asking.asks("/communities").status_code == 401
    assert chat.stores.api_tokens.all() == []
    assert asking.token != made(chat, browser), "a new form makes another"


def test_tokens_that_are_over_count_for_nothing_nor_do_those_of_other_communities(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_tokens, "MOST", 2)
    browser = inside(chat)
    made(chat, browser, days="30")
    made(chat, browser, days="365")
    browser.opens(TOKENS)
    assert "个令牌了" in browser.posts(f"{TOKENS}/make", name="第三个", days="30")
    made(chat, browser, place="*")
    chat.later(days=31)
    made(chat, inside(chat), days="90")
    assert sorted(one.place for one, _ in chat.stores.api_tokens.all()) == ["*", "main", "main"]


def test_without_a_good_token_nothing_is_told(chat: Chat) -> None:
    token = made(chat)
    for shown in ("", "Bearer", f"Basic {token}", "Bearer qgj_x", f"Bearer {token[:-1]}", f"Bearer {token}x", "Bearer é"):
        answer = program(chat, token).client.get(f"{API}/communities", headers={"Authorization": shown})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.mimetype == "application/problem+json"
    assert program(chat, token).client.get(f"{API}/communities", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_a_token_ends_with_its_time_its_revocation_and_its_makers_role(chat: Chat) -> None:
    browser = inside(chat)
    short, revoked = made(chat, browser, days="30"), made(chat, browser, name="另一个")
    asking = program(chat, short)
    browser.opens(TOKENS)
    id = next(token.id for token, _ in chat.stores.api_tokens.all() if token.name == "另一个")
    assert "已吊销" in browser.posts(f"{TOKENS}/revoke", id=id)
    assert program(chat, revoked).asks("/communities").status_code == 401
    assert asking.asks("/communities").status_code == 200
    chat.later(days=31)
    assert asking.asks("/communities").status_code == 401
    lasting = program(chat)
    assert lasting.asks("/communities").status_code == 200
    note_left(chat.stores, chat.config, "boss", "test", chat.clock())
    assert lasting.asks("/communities").status_code == 401


def test_a_token_opens_what_it_was_made_for(chat: Chat) -> None:
    here, everywhere = program(chat), program(chat, place="*")
    assert [one["id"] for one in here.reads("/communities")["items"]] == ["main"]
    assert {one["id"] for one in everywhere.reads("/communities")["items"]} == {"main", "far"}
    for place in ("far", "~all", "nowhere", "%2e%2e"):
        assert here.asks(f"/communities/{place}/figures").status_code == 404, place
    assert here.asks("/communities/main/figures?group=wrFAR").status_code == 400
    assert here.asks("/communities/main/members").status_code == 403
    named = program(chat, names="on")
    assert "李雷" in {one["name"] for one in named.reads("/communities/main/members")["items"]}
    assert "李雷" in {one["name"] for one in named.reads("/communities/main/leaderboard?period=all")["items"]}


def test_an_administrator_of_one_community_makes_tokens_for_it_alone(chat: Chat) -> None:
    everywhere = made(chat, place="*")
    chat.as_admin("角色 李雷 管理员")
    browser = inside(chat, "lilei")
    browser.opens(TOKENS)
    assert "只有全部社群的管理员" in browser.posts(f"{TOKENS}/make", name="偷看", days="365", place="*")
    [(kept, _)] = chat.stores.api_tokens.all()
    browser.posts(f"{TOKENS}/revoke", id=kept.id)
    assert program(chat, everywhere).asks("/communities").status_code == 200, "nor may he end it"
    own = program(chat, made(chat, browser))
    assert own.asks("/communities").status_code == 200
    chat.as_admin("角色 李雷 运营")
    assert own.asks("/communities").status_code == 401
    browser.opens(TOKENS)
    assert browser.status == 403


def test_what_is_asked_wrongly_is_explained(chat: Chat) -> None:
    asking = program(chat)
    for path, said in (
        ("figures?length=year", "length"), ("figures?last=gestern", "2026-03-31"), ("days?first=2026-03-02&last=2026-03-01", "first"),
        ("days?first=2020-01-01&last=2026-01-01", "400"), ("series/nothing", "metric"), ("activities?page=0", "page"), ("activities?page=x", "page"),
        ("days?colour=red", "colour"), ("leaderboard?period=decade", "period"), ("days?last=0001-01-01", "2000-01-01"),
        ("figures?length=month&last=0001-01-31", "2000-01-01"), ("figures?last=9999-12-31", "今天"), ("cohorts?last=9999-12-31", "今天"),
        ("series/dau?first=9999-12-30&last=9999-12-31", "今天"), ("figures?last=20260101", "2026-03-31"), ("figures?last=2026-W01-1", "2026-03-31"),
        ("activities?page=٣", "page"),
    ):  # fmt: skip
        answer = asking.asks(f"/communities/main/{path}")
        assert answer.status_code == 400, path
        assert said in answer.get_json()["detail"], path
    assert asking.asks("/communities/main/figures?length=month&last=2000-01-01").status_code == 200, "the first day that may be asked for"
    assert program(chat, place="*").asks("/communities/~all/figures?group=wrX").status_code == 400, "a group belongs to a community"


def test_strange_addresses_and_methods_have_the_same_shape(chat: Chat) -> None:
    client = web(chat).test_client()
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/", 404), ("POST", "/communities", 405), ("DELETE", "/x", 405)):
        answer = client.open(f"{API}{path}", method=method)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_sixty_a_minute_are_answered(chat: Chat) -> None:
    asking = program(chat)
    assert [asking.asks("/communities").status_code for _ in range(61)] == [200] * 60 + [429]
    answer = asking.asks("/communities")
    assert int(answer.headers["Retry-After"]) > 0
    chat.later(minutes=1)
    assert asking.asks("/communities").status_code == 200


def test_wrong_tokens_are_stopped_too(chat: Chat) -> None:
    asking = program(chat, "qgj_" + "x" * 43)
    assert [asking.asks("/communities").status_code for _ in range(31)] == [401] * 30 + [429]


def test_what_has_not_changed_is_not_sent_again(chat: Chat) -> None:
    asking = program(chat)
    tag = asking.asks("/metrics").headers["ETag"]
    again = asking.asks("/metrics", **{"If-None-Match": tag})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_while_redis_is_away_programs_hear_so(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = program(chat)
    monkeypatch.setattr(chat.stores.database._route.masters()[0], "_away_until", float("inf"))
    answer = asking.asks("/communities")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_tokens_go_with_who_made_them(chat: Chat) -> None:
    chat.as_admin("角色 李雷 管理员")
    own = program(chat, made(chat, inside(chat, "lilei")))
    assert [one["名称"] for one in chat.stores.api_tokens.export_user(chat.member("lilei"))] == ["报表"]
    chat.erase("lilei")
    assert own.asks("/communities").status_code == 401
    assert chat.stores.api_tokens.all() == []


# Tables to take along -------------------------------------------------------------------------------------------------------


OF = {"ledger_of": "2", "entries": "1", "funnel": "newcomer", "runs": "early"}
VALUES: dict[str, type | tuple[type, ...]] = {"text": str, "number": (int, float), "day": datetime, "moment": datetime}


def address_of(table: Table, form: str = "csv") -> str:
    """Where a table of the main community, or of all, is given out."""
    return f"/console{table.path('main', form)}?of={OF.get(table.name, '')}"


def cells_of(table: Table, data: bytes) -> list[tuple[str, object]]:
    """Each cell of an Excel file that holds something, with what its column says it is; what may be unlimited says so in words."""
    [head, *rows] = load_workbook(BytesIO(data)).active.iter_rows(values_only=True)
    assert head == tuple(table.heads)
    pairs = [(kind, value) for row in rows for kind, value in zip(table.kinds, row, strict=True)]
    return [(kind, value) for kind, value in pairs if value is not None]


def test_every_table_is_taken_along_as_csv_and_excel(chat: Chat) -> None:
    full = busy(chat)
    browser, empty = inside(full), set()
    for name, table in TABLES.items():
        if not table.heads:  # an extension's
            continue
        answers = [browser.client.get(address_of(table, form)) for form in ("csv", "xlsx")]
        full.later(seconds=10)  # a person takes his time
        assert [answer.status_code for answer in answers] == [200, 200], name
        assert answers[0].headers["Content-Disposition"].startswith("attachment;")
        rows = [list(cells) for _, cells in read_csv(answers[0].get_data()).rows]
        heads = list(table.heads)[:64]  # we read no more
        assert rows[0] == heads
        assert {len(cells) for cells in rows} <= {len(heads)}, name
        [sheet] = read_excel(answers[1].get_data())
        assert len(sheet.rows) == len(rows), name
        assert sheet.rows[0][1] == rows[0]
        assert {kind for kind, value in cells_of(table, answers[1].get_data()) if not isinstance(value, VALUES[kind])} == set(), name
        if len(rows) < 2:
            empty.add(name)
    assert empty <= {
        "cases",
        "invitations",
        "featured",
        "brought",
        "segments",
        "meant",
        "experiments",
        "arms",
        "appeals",
        "judged",
        "retention",
        "lines",
        "letters",
        "processes",
        "hooks",
        "tokens",
    }, "what a busy day has none of is in the test of the pages"
    shown = browser.opens(f"/console/in/main/members/{full.member('lilei')}")
    [address] = re.findall(r'href="([^"]*tables/[^"]*csv[^"]*)"', shown)
    got = browser.client.get(address.replace("&amp;", "&")).get_data(as_text=True)
    assert {row.split(",")[2] for row in got.splitlines()[1:]} == {"李雷"}
    assert "tables/" not in browser.opens("/console/account")


def test_taking_along_is_audited_and_wants_the_pages_role(chat: Chat) -> None:
    chat.as_admin("角色 李雷 观察员")
    viewer, owner = inside(chat, "lilei"), inside(chat)
    allowed = {name for name, table in TABLES.items() if viewer.client.get(address_of(table)).status_code == 200}
    assert allowed == {name for name, table in TABLES.items() if table.role == "viewer" and not table.is_for_all}
    assert {owner.client.get(address_of(table)).status_code for table in TABLES.values() if table.is_for_all} == {200}
    assert "导出表格" in owner.opens("/console/in/main/audit")
    assert "tables/ledger" not in viewer.opens("/console/in/main/points")
    assert viewer.client.get("/console/in/far/tables/members.csv").status_code == 404
    assert viewer.client.get("/console/in/main/tables/members.pdf").status_code == 404


def test_what_one_takes_along_is_limited(chat: Chat) -> None:
    browser, address = inside(chat), "/console/in/main/tables/shop.csv"
    for _ in range(PER_MEMBER[0][0] - 1):
        Limits(chat.stores.database).acquire(f"console.export.{chat.member('boss')}", PER_MEMBER, to_ms(chat.clock()))
    assert [browser.client.get(address).status_code for _ in range(2)] == [200, 429]
    chat.later(minutes=2)
    assert browser.client.get(address).status_code == 200


def test_a_name_that_looks_like_a_formula_is_text(chat: Chat) -> None:
    chat.says("签到", user="evil", name='=HYPERLINK("http://evil")')
    got = inside(chat).client.get("/console/in/main/tables/members.csv").get_data(as_text=True)
    assert "'=HYPERLINK" in got
    assert ",=HYPERLINK" not in got


def test_viewers_take_no_user_ids_along_for_they_are_half_of_a_login(chat: Chat) -> None:
    chat.as_admin("角色 李雷 观察员")
    shown = {
        user: inside(chat, user).client.get("/console/in/main/tables/members.csv").get_data(as_text=True) for user in ("lilei", "boss")
    }
    assert "李雷" in shown["lilei"]
    assert [",lilei," in shown[user] for user in ("lilei", "boss")] == [False, True]


def test_who_answered_a_survey_first_is_not_taken_along(chat: Chat) -> None:
    chat.as_admin("发起问卷 nps")
    chat.as_admin("1")
    for words in ("问卷", "9", "活动再多一些就好了"):
        chat.privately(words, user="lilei")
    [activity] = chat.stores.activities.newest(chat.community.keys, 1)[1]
    assert activity.entries == 1
    got = inside(chat).client.get(f"/console/in/main/tables/entries.csv?of={activity.number}").get_data(as_text=True)
    assert len(got.splitlines()) == 1
    assert "李雷" not in got


@pytest.mark.parametrize("cell", ["-20", "-20.5", "20", "2026-03-01", "", "早上好"])
def test_numbers_and_words_are_taken_along_as_they_are(cell: str) -> None:
    assert defused(cell) == cell


@pytest.mark.parametrize("cell", ["=1+1", " =1+1", "\n=1+1", "\t=1", "\u3000＝1", "-1+2", "-20 ", "--1", "'=1", "' =1", "@x", "-٣"])
def test_what_could_be_calculated_is_marked_and_read_back_as_it_was(cell: str) -> None:
    assert defused(cell) == f"'{cell}"
    assert fused(defused(cell)) == cell


@given(st.text(alphabet=" '=+-@1\t\n．a", max_size=8))
def test_every_cell_is_read_back_as_it_was(cell: str) -> None:
    assert fused(defused(cell)) == cell


def test_large_tables_come_in_pieces() -> None:
    rows = [[str(n), "=1+1"] for n in range(1000)]
    pieces = list(csv_pieces(rows))
    assert len(pieces) > 4
    assert [cells for _, cells in read_csv(b"".join(pieces)).rows] == rows
    assert fused(defused("=1")) == "=1"


# Monitoring -----------------------------------------------------------------------------------------------------------------

BOARD = ROOT / "deploy" / "grafana" / "qunguanjia.json"


def test_monitoring_reads_how_the_queues_and_communities_are(chat: Chat) -> None:
    chat.says("大家早", user="hanmei")
    metrics = Metrics()
    look(chat.stores, chat.config, chat.communities, chat.live.current, chat.clock, metrics)
    told = {
        (one.name, *sorted(one.labels.values())): one.value
        for gauge in gauges(metrics)
        for family in gauge.collect()
        for one in family.samples
    }
    assert told["bot_active_members", "main"] == 3
    assert told["bot_members", "main"] >= 3
    assert told["bot_queue_waiting", "inbox"] == 0
    assert told["bot_dead_letters", "outbox"] == 0
    assert {name[1:] for name in told if name[0] == "bot_health_lights"} >= {("green", "main"), ("main", "red"), ("grey", "main")}


def gauges(metrics: Metrics) -> list[Gauge]:
    return [metrics.waiting, metrics.dead, metrics.late, metrics.lights, metrics.active, metrics.members]


def test_the_board_asks_for_figures_that_there_are() -> None:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    there = {f"{family.name}{'_total' if family.type == 'counter' else ''}" for one in vars(Metrics()).values() for family in one.collect()}
    there |= {"bot_callback_seconds_bucket"}
    asked = {name for panel in board["panels"] for target in panel["targets"] for name in re.findall(r"\bbot_\w+", target["expr"])}
    assert asked <= there
    assert len(asked) >= 12
    assert {one["name"] for one in board["templating"]["list"]} == {"datasource", "community"}
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}
    spots = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(spots)) == len(spots)
