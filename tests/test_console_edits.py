"""Who may change what in the FAQ, and what it tells whom: of one community to another, of an edit that somebody else made before."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from threading import Barrier, Thread

import pytest
from chat import Chat, OpenChat
from visits import Visit, met, visit, web

from bot import faq_office
from bot.errors import UserError
from bot.faq_desk import Breaks, Desk
from bot.faq_edits import office_of
from bot.faq_office import Office, Shelf, office_for
from bot.permissions import COMMAND_LINE, Actor
from console import faq_pages
from rules.entries import Entry

pytest_plugins = ("chat",)

FAQ = "/console/in/main/faq"
APART = "wrAPART"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def office(chat: Chat, community: str, **more: object) -> Office:
    """The office of somebody who looks after one community."""
    place = chat.communities.named(community)
    fields = {"is_only": False, "may_share": False} | more
    return Office(chat.stores, chat.live.current, place, Actor(7, "甲", "operator"), chat.clock, **fields)  # type: ignore[arg-type]


def publish(chat: Chat, *entries: Entry) -> None:
    """Puts entries in force, whatever they break."""
    Desk(chat.stores, chat.live.current, chat.clock).publish(COMMAND_LINE, {entry.id: entry for entry in entries}, force=True)
    chat.live.refresh()


# Who may share ------------------------------------------------------------------------------------------------------------


def test_who_looks_after_an_unlisted_group_changes_nothing_that_others_have(chat: Chat) -> None:
    chat.says("签到", user="john", name="John", group=APART)
    chat.stores.roles.grant(chat.member("john"), APART, "operator", seen="", once="t")
    ctx = chat.pipeline.context_of(chat.words("问答", user="john", group=APART), chat.member("john"), APART)
    for listed in (0, 1, 2):
        config = chat.config.model_copy(update={"communities": chat.config.communities[:listed]})
        his = office_of(replace(ctx, config=config))
        refund = faq_office.get_entry(his, "refund")
        for act in (
            lambda his=his, refund=refund: faq_office.save_entry(his, replace(refund, answer="不退"), is_new=False),
            lambda his=his: faq_office.remove_entry(his, "refund"),
            lambda his=his: faq_office.undo(his, 1),
        ):
            with pytest.raises(UserError):
                act()
        own = faq_office.save_entry(his, Entry("", f"第{listed}个仓库的门禁密码找谁要", "找老张"), is_new=True, force=True).entry
        assert own
        assert own.communities == (APART,), "what he adds is for his own group"


def test_the_only_listed_community_shares_what_it_adds_and_so_does_an_owner_where_none_is_listed(chat: Chat) -> None:
    main, lobby, apart = (chat.communities.named(id) for id in ("main", "~lobby", APART))
    actor = Actor(7, "甲", "operator")

    def of(community: object, listed: int, everywhere: str) -> tuple[bool, bool]:
        found = office_for(chat.stores, chat.live.current, community, actor, chat.clock, listed=listed, everywhere=everywhere)  # type: ignore[arg-type]
        return found.is_only, found.may_share

    assert of(main, 1, "member") == (True, True)
    assert of(main, 2, "member") == (False, False)
    assert of(lobby, 0, "owner") == (True, True)
    assert of(lobby, 0, "member") == (False, False)
    assert of(apart, 1, "owner") == (False, True)


# What is told of others -------------------------------------------------------------------------------------------------


def test_entries_in_the_way_of_another_communitys_are_not_shown(chat: Chat) -> None:
    publish(
        chat,
        Entry("ours", "打印机没墨了找谁", "找行政", ("打印机没有墨了怎么办",)),
        Entry("theirs", "打印机墨盒空了怎么办", "找前台", ("打印机没有墨水了怎么办",), communities=("far",)),
    )
    pairs = {frozenset((found.entry.id, found.rival.id)) for found in faq_office.conflicts(office(chat, "far"))}
    assert frozenset(("ours", "theirs")) in pairs, "to New York both are its own"
    for found in faq_office.conflicts(office(chat, "main")):
        assert "theirs" not in (found.entry.id, found.rival.id)


def test_what_an_edit_breaks_elsewhere_is_told_without_its_words(chat: Chat) -> None:
    publish(chat, Entry("theirs", "保险柜的密码是多少", "四个零", keywords=("保险柜",), communities=("far",)))
    faq_office.add_test(office(chat, "far"), "保险柜打不开找谁", "theirs")
    ours = office(chat, "main", is_only=True, may_share=True)
    shared = Entry("wide", "保险柜打不开找谁", "找老张")
    with pytest.raises(Breaks) as broken:
        ours.desk.publish(ours.actor, {"wide": shared})
    told = str([(one.case.question, one.case.entry, one.before, one.after) for one in broken.value.broken])
    assert "theirs" not in told
    assert "保险柜的密码是多少" not in told
    assert "别的社群的一个问法" in told


# The audit --------------------------------------------------------------------------------------------------------------


def test_who_saves_what_is_there_already_is_not_said_to_have_changed_it(chat: Chat) -> None:
    desk = Desk(chat.stores, chat.live.current, chat.clock)
    first = desk.change(Actor(1, "甲", "owner"), "refund", answer="七天到账。", force=True, once="a")
    again = desk.change(Actor(2, "乙", "owner"), "refund", answer="七天到账。", force=True, once="b")
    same = desk.change(Actor(1, "甲", "owner"), "refund", answer="七天到账。", force=True, once="c")
    assert first.version == again.version == same.version
    rows = [row for row in chat.stores.audit.newest("", 10) if row.subject == "refund"]
    assert [row.actor for row in rows] == ["1"]
    many = {f"n{n}": Entry(f"n{n}", f"第{n}号会议室的投影仪怎么借", "找前台") for n in range(30)}
    desk.publish(Actor(1, "甲", "owner"), many, force=True)
    desk.publish(Actor(2, "乙", "owner"), many, force=True)
    assert [row.actor for row in chat.stores.audit.newest("", 10) if row.act == "问答 批量修改"] == ["1"]


# Meanwhile ----------------------------------------------------------------------------------------------------------------


def test_what_was_typed_into_an_entry_that_is_gone_is_kept(chat: Chat) -> None:
    app = web(chat)
    one, other = visit(chat, app=app), visit(chat, app=app)
    publish(chat, Entry("dogs", "可以带狗吗", "可以", communities=("main", "far")))
    one.opens(f"{FAQ}/edit?id=dogs")
    other.opens(f"{FAQ}/edit?id=dogs")
    assert "已删除" in one.posts(f"{FAQ}/remove", of="dogs", force="1")
    said = other.posts(f"{FAQ}/save", **other.form | {"question": "可以带狗吗", "answer": "可以，写了半小时的答案。"})
    assert other.status == 409
    assert "把它删掉了" in said
    assert "写了半小时的答案" in said
    names = ("id", "expect", "question", "similar", "keywords", "answer", "scope", "role")
    assert "已新增" in other.posts(f"{FAQ}/save", **{name: other.field(name) for name in names})
    kept = chat.live.current.faq.find("dogs")
    assert kept
    assert kept.answer == "可以，写了半小时的答案。"
    assert kept.communities == ("main",), "not everybody's, as it is not known any more whose it was"


def test_a_form_without_its_mark_changes_nothing(chat: Chat) -> None:
    browser = visit(chat)
    version = chat.stores.content.versions()
    for path, fields in (("save", {"question": "可以带狗吗", "answer": "可以"}), ("remove", {"of": "refund"}), ("undo", {"version": "1"})):
        browser.opens(f"{FAQ}/edit")
        assert "过期" in browser.posts(f"{FAQ}/{path}", once="", **fields), path
        assert browser.status == 400
    assert chat.stores.content.versions() == version


def unmarked(page: str) -> str:
    """A page without the marks of its forms, which are new on every page."""
    return re.sub(r'name="once" value="\w+"', "", page)


def test_an_entry_of_others_is_none_also_where_it_is_saved(chat: Chat) -> None:
    publish(chat, Entry("theirs", "保险柜的密码是多少", "四个零", communities=("far",)))
    browser = visit(chat)
    browser.opens(f"{FAQ}/edit")
    said = browser.posts(f"{FAQ}/save", of="theirs", expect="1", question="问", answer="答", scope="here")
    missing = browser.posts(f"{FAQ}/save", of="nobody", expect="1", question="问", answer="答", scope="here")
    assert "四个零" not in said
    assert unmarked(said).replace("theirs", "nobody") == unmarked(missing)


def test_what_a_colleague_adds_while_questions_are_merged_stays(chat: Chat) -> None:
    for _ in range(2):
        chat.says("停车场晚上几点关门呀")
    publish(chat, Entry("park", "车停哪里", "地下二层", communities=("main",)))
    meanwhile = iter([True])

    def now() -> datetime:
        if next(meanwhile, False):
            publish(chat, Entry("park", "车停哪里", "地下二层", ("电动车停哪里",), communities=("main",)))
        return chat.clock()

    ours = office(chat, "main")
    [pile] = faq_office.clusters(ours).clusters
    done = faq_office.merge_cluster(replace(ours, now=now), pile.key, "park", force=True)
    assert done.entry
    assert set(done.entry.similar) == {"电动车停哪里", "停车场晚上几点关门呀"}


# Large ones -------------------------------------------------------------------------------------------------------------


def test_conflicts_are_looked_for_by_one_at_a_time(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    app, inside, done = web(chat), Barrier(2, timeout=20), Barrier(2, timeout=20)
    one, other = visit(chat, app=app), visit(chat, app=app)
    looked = []
    real = faq_office.list_entries

    def slow(*args: object, **more: object) -> object:
        looked.append(more["only"])
        if more["only"] == "conflicts":
            inside.wait()
            done.wait()
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(faq_pages.faq_office, "list_entries", slow)
    first = Thread(target=one.opens, args=(f"{FAQ}?only=conflicts",))
    first.start()
    inside.wait()
    other.opens(f"{FAQ}?only=conflicts")
    assert other.status == 429
    other.opens(FAQ)
    assert other.status == 200, "only that list takes long"
    done.wait()
    first.join(20)
    assert one.status == 200
    assert looked == ["conflicts", ""]


def test_a_version_of_thousands_is_named_and_not_read(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(chat, *(Entry(f"n{n}", f"第{n}号会议室", "找前台", communities=("main",)) for n in range(6)))
    publish(chat, Entry("one", "食堂几点开门", "七点", communities=("main",)))
    monkeypatch.setattr(faq_office, "MOST_OWN", 5)
    monkeypatch.setattr(faq_pages, "MOST_READ", 5)
    ours = office(chat, "main")
    assert [version.number for version in faq_office.history(ours)] == [3]
    with pytest.raises(UserError):
        faq_office.undo(ours, 2)
    browser = visit(chat)
    page = browser.opens(f"{FAQ}/history?version=2")
    assert "改了 6 条，太多了" in page
    assert 'data-testid="undo-version"' in page
    assert "食堂几点开门" in browser.opens(f"{FAQ}/history?version=3")


def test_of_a_version_it_is_shown_what_is_ones_own_also_behind_many_others(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faq_pages, "MOST_CHANGES", 3)
    others = (Entry(f"n{n}", f"第{n}号会议室", "找前台", communities=("far",)) for n in range(6))
    publish(chat, *others, Entry("one", "食堂几点开门", "七点", communities=("main",)))
    page = visit(chat).opens(f"{FAQ}/history?version=2")
    assert "食堂几点开门" in page
    assert "会议室" not in page


def test_pages_read_the_faq_anew_only_after_an_edit(chat: Chat) -> None:
    shelf = Shelf(chat.stores.content)
    version, texts = shelf.texts("main")
    assert shelf.texts("main")[1] is texts
    publish(chat, Entry("theirs", "保险柜的密码是多少", "四个零", communities=("far",)), Entry("all", "食堂几点开门", "七点"))
    newer, after = shelf.texts("main")
    assert newer == version + 1
    assert set(after) - set(texts) == {"all"}
    assert set(shelf.texts("far")[1]) - set(texts) == {"all", "theirs"}
    browser: Visit = visit(chat)
    assert "食堂几点开门" in browser.opens(f"{FAQ}?q=食堂")
    chat.as_admin("问答 修改 all 问题 食堂周末几点开门")
    assert "食堂周末几点开门" in browser.opens(f"{FAQ}?q=食堂"), "what another door changed is seen at once"
