"""征稿 as people use it: works handed in, reviewed once, rewarded, featured, and authors who climb."""

from __future__ import annotations

import pytest
from chat import FAR, Chat, OpenChat
from test_topics import begin, group_posts, ring, to_admins, told

from bot.submission_desk import SubmissionDesk
from storage.points import Points

pytest_plugins = ("chat",)

CONTEST = "发起征稿 我和一本书 | 200 字以内 | 截止 3天后 | 奖励 20"
WORK = "投稿 十年前买的书里还夹着书签"


@pytest.fixture
def desk(chat: Chat) -> Chat:
    """A call for works that is open, and two who know it."""
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅")):
        chat.says("你好", user=user, name=name)
    begin(chat, CONTEST)
    return chat


def tags(chat: Chat, user: str = "lilei") -> tuple[str, ...]:
    return chat.stores.tags.of(chat.community.keys, chat.member(user))


def test_a_work_is_handed_in_reviewed_rewarded_and_its_author_told(desk: Chat) -> None:
    assert "收到你的稿子 1" in desk.says(WORK)
    assert "📝 征稿有新内容 1 等审核" in to_admins(desk)[-1]
    assert "1. 征稿（李雷，成员 1）：十年前买的书里还夹着书签" in desk.as_admin("审稿")
    assert desk.as_admin("审稿 1 通过 写得好") == "1 号：等待审核 → 已通过。作者积分 +20。作者成为「基础作者」。已私聊告诉作者。"
    assert desk.points() == 20
    assert tags(desk) == ("基础作者",)
    assert any("征稿 1 号通过了。积分 +20。你现在是「基础作者」了！" in words for words in told(desk, "lilei"))
    own = desk.says("我的投稿")
    assert "1. 征稿，已通过：十年前买的书里还夹着书签" in own
    assert "通过 1 篇，精华 0 篇，KOC 分 1，基础作者，再有 2 篇通过、1 篇精华就是进阶作者。" in own


def test_the_prize_is_for_the_first_work_taken_and_a_repeat_pays_nothing(desk: Chat) -> None:
    for n in (1, 2):
        desk.says(f"投稿 第 {n} 篇")
        desk.as_admin(f"审稿 {n} 通过")
    assert desk.points() == 20
    assert "1 号已通过，不能再改成“已通过”" in desk.as_admin("审稿 1 通过")
    desk.as_admin("审稿 1 撤下 重复了")
    desk.as_admin("审稿 1 通过")
    assert desk.points() == 20
    assert Points(desk.stores.database).discrepancies(desk.community.keys) == []


def test_a_returned_work_tells_why(desk: Chat) -> None:
    desk.says(WORK)
    assert "已退回" in desk.as_admin("审稿 1 退回 请补充出处")
    assert any("没有通过：请补充出处" in words for words in told(desk, "lilei"))
    assert "已退回（请补充出处）" in desk.says("我的投稿")
    assert desk.points() == 0


def test_a_featured_work_takes_the_way_of_all_that_is_featured(desk: Chat) -> None:
    desk.says(WORK)
    said = desk.as_admin("审稿 1 精华 有故事")
    assert "作者积分 +40" in said  # the prize, and what 精华 brings
    assert desk.stores.badges.counts(desk.community.keys, desk.member())["featured"] == 1
    assert any("获得勋章「精华作者」" in words for words in told(desk, "lilei"))
    assert "✨ 精华：李雷 的征稿 1" in group_posts(desk)[-1]
    assert any("drawn:gem" in str(delivery.body) for delivery in desk.outbox())
    gallery = "主群 · 精华 1 篇：\n✨ 1. 李雷：十年前买的书里还夹着书签"
    assert [desk.says(words) for words in ("精华列表", "精华 列表", "精华作品")] == [gallery] * 3
    assert desk.as_admin("精华 列表") == gallery
    assert "没有更多了" in desk.says("精华列表 2")
    assert desk.stores.submissions.works(desk.community.keys, desk.member()).featured == 1


def test_what_is_featured_twice_brings_its_prize_once(desk: Chat) -> None:
    desk.says(WORK)
    desk.as_admin("审稿 1 精华 有故事")
    points, posts = desk.points(), len(group_posts(desk))
    assert "作者积分" not in desk.as_admin("审稿 1 精华 有故事")
    assert desk.points() == points
    assert len(group_posts(desk)) == posts
    assert desk.stores.badges.counts(desk.community.keys, desk.member())["featured"] == 1


def test_a_moderator_and_a_review_feature_the_same_way(desk: Chat) -> None:
    desk.says(WORK)
    desk.as_admin("审稿 1 精华")
    desk.as_admin("精华 @李雷 会上的分享")
    assert desk.stores.badges.counts(desk.community.keys, desk.member())["featured"] == 2
    rows = [row for row in desk.stores.audit.newest("main", 20) if row.act == "精华"]
    assert len(rows) == 2


def test_authors_climb_and_leave_the_lower_step_behind(desk: Chat) -> None:
    for n in range(1, 4):
        desk.says(f"投稿 第 {n} 篇")
        desk.as_admin(f"审稿 {n} {'精华' if n == 3 else '通过'}")
    assert tags(desk) == ("进阶作者",)
    desk.as_admin("标签 @李雷 去 进阶作者")
    desk.says("投稿 第 4 篇")
    desk.as_admin("审稿 4 通过")
    assert tags(desk) == ()  # what people took away does not come back by itself


def test_nobody_reviews_his_own_work(desk: Chat) -> None:
    desk.says(WORK, user="boss")
    assert "自己的内容请别的版主来评" in desk.as_admin("审稿 1 通过")


def test_only_moderators_review_and_only_where_it_is_theirs(desk: Chat) -> None:
    desk.says(WORK)
    assert "只有管理员可以用" in desk.privately("审稿 1 通过")
    assert "这里人多" in desk.says("审稿 1 通过", user="boss")
    assert desk.stores.submissions.count_waiting(desk.community.keys) == 1
    assert "没有精华作品" in desk.says("精华列表", user="far", group=FAR)


def test_a_work_may_be_asked_for_and_be_a_picture(desk: Chat) -> None:
    assert "请把作品发给我" in desk.privately("投稿")
    picture = desk._parse(
        "assistant", desk._head("lilei", "", "") | {"msgtype": "image", "image": {"url": "https://example.com/p"}}
    )  # fmt: skip
    assert "收到你的稿子 1" in desk.hears(picture)
    assert "[图片]" in desk.as_admin("审稿 1")


def test_after_the_question_a_question_or_a_refusal_is_no_work(desk: Chat) -> None:
    desk.says("投稿")
    assert desk.says("算了") == "好的，想投了再说“投稿”。"
    desk.says("投稿")
    desk.says("什么时候截止？")
    assert desk.stores.submissions.count_waiting(desk.community.keys) == 0


def test_what_people_say_in_between_is_no_work(desk: Chat) -> None:
    for words in ("谢谢", "好的", "在吗"):
        desk.privately("投稿")
        desk.privately(words)
    for words in ("我等会儿再发", "不好意思点错了", "先不投了"):
        desk.privately("投稿")
        assert "想投了再说" in desk.privately(words), words
    desk.privately("投稿")
    assert "这几个字就是稿子吗" in desk.privately("床前明月光")
    assert "收到你的稿子 1" in desk.privately("那是十年前的秋天，我在旧书店里捡到一本没有封面的书")
    desk.privately("投稿")
    desk.later(minutes=11)
    assert "收到你的稿子" not in desk.privately("那是十年前的秋天，我在旧书店里又捡到一本没有封面的书")
    assert desk.stores.submissions.count_waiting(desk.community.keys) == 1


def test_a_verdict_is_a_word_of_its_own(desk: Chat) -> None:
    desk.says(WORK)
    for words in ("通过不了，太短", "通过？", "精华列表", "已联系", "撤下", "同意与否再看"):
        assert "例如" in desk.as_admin(f"审稿 1 {words}") or "可以说" in desk.as_admin(f"审稿 1 {words}"), words
    found = desk.stores.submissions.find(desk.community.keys, 1)
    assert found
    assert found.state == "waiting"
    assert "等待审核 → 已退回" in desk.as_admin("审稿 1 退回，太短")


def test_a_question_may_be_a_work(desk: Chat) -> None:
    assert "收到你的稿子 1" in desk.says("投稿 如何做好红烧肉")


def test_what_is_featured_again_is_neither_posted_nor_paid_again(desk: Chat) -> None:
    desk.says(WORK)
    assert "作者积分 +" in desk.as_admin("审稿 1 精华 好")
    points, posts = desk.points(), len(group_posts(desk))
    desk.as_admin("审稿 1 撤下 再看看")
    desk.as_admin("审稿 1 通过")
    assert "作者积分" not in desk.as_admin("审稿 1 精华 好")
    assert (desk.points(), len(group_posts(desk))) == (points, posts)
    assert "精华 1 篇" in desk.says("精华列表")


def test_each_may_hand_in_so_many(desk: Chat) -> None:
    answers = [desk.says(f"投稿 第 {n} 篇") for n in range(6)]
    assert ["收到" in answer for answer in answers] == [True] * 5 + [False]
    assert "每人最多 5 篇" in answers[5]


def test_the_end_waits_for_the_review_and_then_tells_what_was_taken(desk: Chat) -> None:
    desk.says(WORK)
    desk.says("投稿 第二篇", user="hanmei")
    desk.as_admin("审稿 1 通过")
    desk.later(days=3, minutes=1)
    ring(desk)
    assert "还有 1 篇在审，审完公布结果" in group_posts(desk)[-1]
    assert "没有进行中的征稿" in desk.says("投稿 晚了")
    desk.as_admin("审稿 2 通过")
    desk.later(hours=2)
    ring(desk)
    ring(desk)
    results = [post for post in group_posts(desk) if "征稿“我和一本书”截止了：" in post]
    assert len(results) == 1
    assert "2 人投稿，通过 2 篇" in results[0]
    assert desk.points("hanmei") == 20


def test_a_contest_that_nobody_reviews_ends_all_the_same(desk: Chat) -> None:
    desk.says(WORK)
    for _ in range(90):
        desk.later(hours=1)
        ring(desk)
    assert not [post for post in group_posts(desk) if "截止了：" in post]
    for _ in range(80):
        desk.later(hours=1)
        ring(desk)
    assert len([post for post in group_posts(desk) if "截止了：" in post]) == 1


def test_a_crash_behind_the_decision_is_made_good_by_its_repeat(desk: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.says(WORK)

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Points, "award", die)
        with pytest.raises(SystemExit):
            desk.receive(desk.words(f"@{desk.config.bot_name} 审稿 1 精华", user="boss", group="wrADMIN", id="dies"))
    desk.later(minutes=1)
    assert desk.hears(desk.words(f"@{desk.config.bot_name} 审稿 1 精华", user="boss", group="wrADMIN", id="dies"))
    assert desk.points() == 40
    assert tags(desk) == ("基础作者",)
    assert len([post for post in group_posts(desk) if "✨ 精华" in post]) == 1


def test_the_same_decision_through_another_door(desk: Chat) -> None:
    """What the console calls is the same function, with an actor instead of a message."""
    desk.says(WORK)
    shelf = SubmissionDesk(desk.stores, desk.live.current, desk.config, desk.community, desk.clock())
    desk.as_admin("你好")
    boss = desk.pipeline.context_of(desk.words("你好", user="boss"), desk.member("boss"), "main").actor
    assert shelf.review(1, "approved", boss, once="form").is_done
    assert shelf.review(1, "approved", boss, once="form").is_done  # the same form again
    assert not shelf.review(1, "approved", boss, once="another").is_done
    assert desk.points() == 20


def test_what_is_typed_wrongly_is_answered_usefully(desk: Chat) -> None:
    for words in ("审稿 1", "审稿 x", "审稿 1 好吗", "审稿 99 通过", "审核 abc", "发起征稿", "发起征稿 书 | 奖励 x"):
        assert any(part in desk.as_admin(words) for part in ("例如", "写法是", "说“审稿”")), words
    for words in ("精华列表 x", "投稿 。", f"投稿 {'长' * 1_001}"):
        assert any(part in desk.says(words) for part in ("例如", "写法是")), words


def test_questions_about_handing_in_are_no_works(desk: Chat) -> None:
    desk.says("投稿 怎么投？")
    assert desk.stores.submissions.count_waiting(desk.community.keys) == 0


def test_a_work_without_a_contest_is_told_so(open_chat: OpenChat) -> None:
    chat = open_chat()
    assert "现在没有进行中的征稿" in chat.says(WORK)
