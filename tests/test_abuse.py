"""The model of abuse: one text and a batch agree, what was disguised is shown where it stands, and training gives the same weights each time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import StartError
from commands.build import models_in_use
from commands.models import models
from commands.opening import load_config
from commands.recipes.abuse import adapted, train
from commands.recipes.figures import Figure
from commands.recipes.sayings import ABUSIVE, HARMLESS, sayings
from rules.abuse import SHIPPED, AbuseModel, shipped
from rules.adverts import AdvertModel
from rules.gram_model import GramModel
from rules.gram_training import NetShape, Texts, fit, fit_net, minimise
from rules.grams import KINDS, grams, grams_of
from rules.mood import MoodModel
from rules.unmask import read

CORPORA = os.environ.get("BOT_CORPORA", "")
TEXTS = st.text(alphabet=st.characters(exclude_characters="\0"), max_size=40)
INSULTS = ["你就是个傻逼", "群主你脑子有病吧", "你们全家都是垃圾", "滚出这个群，废物"]
CIVIL = ["请问怎么退款", "今天天气真好", "收到，谢谢老师", "外卖又送晚了，气死我了", "垃圾分类怎么分"]


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_a_batch_has_the_runs_of_each_text_alone(texts: list[str]) -> None:
    together = grams(texts)

    for text, (start, end) in zip(texts, together.bounds.reshape(-1, 2), strict=True):
        alone = grams((text,))
        first, last = alone.bounds
        assert (together.hashes[:, start:end] == alone.hashes[:, first:last]).all()
        assert end - start == len(text) + 1


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_a_batch_is_judged_as_each_text_alone(texts: list[str]) -> None:
    readings = [read(text) for text in texts]

    assert shipped().scores(readings) == pytest.approx([shipped().score(reading) for reading in readings], abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_scores_are_probabilities_and_parts_lie_within_the_text(text: str) -> None:
    reading = read(text)

    assert 0 <= shipped().score(reading) <= 1
    for start, end in shipped().why(reading):
        assert 0 <= start < end <= len(reading.sent)


@pytest.mark.parametrize("text", INSULTS)
def test_plain_insults_are_likely_abuse(text: str) -> None:
    assert shipped().score(read(text)) > 0.6


@pytest.mark.parametrize("text", CIVIL)
def test_ordinary_sentences_are_not(text: str) -> None:
    assert shipped().score(read(text)) < 0.3


def test_the_parts_that_weigh_most_hold_the_insult() -> None:
    text = "明天开会，你这个傻逼，别迟到"

    shown = [text[start:end] for start, end in shipped().why(read(text))]

    assert any("傻逼" in part for part in shown)


def test_no_text_at_all_is_no_abuse() -> None:
    assert shipped().scores([]) == []
    assert shipped().score(read("")) < 0.5


def test_a_model_is_kept_as_the_same_bytes(tmp_path: Path) -> None:
    once, again = tmp_path / "a.npz", tmp_path / "b.npz"

    shipped().save(once)
    AbuseModel.load(once).save(again)

    assert once.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    "spoil", [lambda data: b"", lambda data: data[:5000], lambda data: b"no model", lambda data: data[:9000] + b"?" * 99 + data[9099:]]
)
def test_a_damaged_file_is_a_value_error(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "abuse.npz"
    file.write_bytes(spoil(SHIPPED.read_bytes()))

    with pytest.raises(ValueError, match=r"."):
        AbuseModel.load(file)


@pytest.mark.parametrize(
    "changed", [{"table": np.zeros(3, np.int8)}, {"kinds": 9}, {"net_out": np.zeros(2)}, {"net_table": np.zeros((4, 2), np.int8)}]
)
def test_a_model_of_another_shape_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "abuse.npz"
    kept = dict(np.load(SHIPPED)) | changed
    np.savez(file, **kept)

    with pytest.raises(ValueError, match="not the tables"):
        AbuseModel.load(file)


def test_what_is_shipped_is_small() -> None:
    assert SHIPPED.stat().st_size < 5_000_000


@pytest.fixture(scope="module")
def lesson() -> Texts:
    dice = Random(1)
    bad, good = [*sayings(ABUSIVE, 300, dice)], [*sayings(HARMLESS, 300, dice)]
    return Texts([*bad, *good], np.array([1.0] * 300 + [0.0] * 300), np.ones(600))


def test_a_linear_model_learns_what_it_is_shown(lesson: Texts) -> None:
    model = fit(lesson, bits=16, kinds=2, least=1)

    assert ((model.logits(grams(lesson.texts)) > 0) == lesson.labels).mean() > 0.97


def test_a_net_learns_what_it_is_shown_and_the_same_each_time(lesson: Texts) -> None:
    shape = NetShape(bits=14, wide=8, hidden=8, rounds=10)

    one, other = fit_net(lesson, shape, seed=4), fit_net(lesson, shape, seed=4)

    assert ((one.logits(grams(lesson.texts)) > 0) == lesson.labels).mean() > 0.95
    assert (one.table == other.table).all()


def test_the_search_finds_the_lowest_place() -> None:
    wanted = np.array([3.0, -2.0, 0.5])
    steep = np.array([1.0, 10.0, 100.0])

    found = minimise(lambda at: (float(steep @ (at - wanted) ** 2), 2 * steep * (at - wanted)), np.zeros(3), 60)

    assert found == pytest.approx(wanted, abs=0.05)


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4))
def test_weights_of_a_byte_are_off_by_half_a_unit_at_most(weights: list[float]) -> None:
    model = GramModel.rounded(np.array(weights), 0.0, KINDS)

    assert np.abs(model.table * model.unit - weights).max() <= model.unit / 2 + 1e-9


def test_a_few_texts_of_ones_own_move_their_like_and_leave_others_alone() -> None:
    own = [("你个瓜娃子", 0.0), ("瓜娃子，过来吃饭", 0.0), ("你是个铁憨批", 1.0), ("铁憨批滚", 1.0)] * 3
    before, after = shipped(), adapted(shipped(), own)

    assert after.score(read("你是个铁憨批")) > before.score(read("你是个铁憨批"))
    assert after.score(read("请问怎么退款")) == pytest.approx(before.score(read("请问怎么退款")), abs=0.05)


def test_a_figure_has_its_interval() -> None:
    share = Figure.share("判对", 0.9, 1000)
    ranking = Figure.ranking("AUC", [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])

    assert 0.87 < share.low < 0.9 < share.high < 0.92
    assert ranking.value == 0.75
    assert ranking.low <= 0.75 <= ranking.high
    assert Figure.ranking("AUC", [0.2, 0.3], [1, 1]).value == 0.5


def test_every_slot_of_the_sayings_is_filled() -> None:
    for patterns in (ABUSIVE, HARMLESS):
        said = [*sayings(patterns, 3000, Random(2), around=["好的"])]
        assert not any("{" in text or "}" in text for text in said)
        assert len(set(said)) > 2000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(f"data_dir: {tmp_path / 'data'}\n", encoding="utf-8")
    return file


def test_an_operator_trains_on_his_own_texts_and_the_result_is_used(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOT_CORPORA", raising=False)
    texts = tmp_path / "mine.tsv"
    texts.write_text("text\tlabel\n你是个铁憨批\t1\n瓜娃子过来吃饭\t0\n", encoding="utf-8")

    done = CliRunner().invoke(models, ["train", "abuse", "--texts", str(texts)], obj=config)
    told = CliRunner().invoke(models, ["report", "abuse"], obj=config)

    assert done.exit_code == 0, done.output
    assert "训练后判对 2 句" in done.output
    assert AbuseModel.load(tmp_path / "data" / "models" / "abuse.npz").score(read("你是个铁憨批")) > 0.5
    assert "自己训练的" in told.output


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda data: b"",
    lambda data: data[: len(data) // 2],
    lambda data: data[:9000] + b"?" * 99 + data[9099:],
    lambda data: data[: (at := data.rindex(b"PK\x01\x02") + 10)] + b"\x63" + data[at + 1 :],  # packed in a way that nobody knows
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("name", "load"), [("abuse", AbuseModel.load), ("mood", MoodModel.load), ("adverts", AdvertModel.load)])
def test_a_damaged_model_of_ones_own_is_explained(
    name: str, load: Callable[[Path], object], damage: Callable[[bytes], bytes], tmp_path: Path, config: Path
) -> None:
    file = tmp_path / "data" / "models" / f"{name}.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(damage(SHIPPED.with_name(f"{name}.npz").read_bytes()))

    with pytest.raises((ValueError, KeyError)):
        load(file)
    told = CliRunner().invoke(models, ["report", name, "--corpora", str(tmp_path)], obj=config)
    assert told.exit_code == 1
    assert "请删掉它" in told.output
    with pytest.raises(StartError):
        models_in_use(load_config(config))


def test_a_damaged_model_of_ones_own_is_replaced_by_training(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOT_CORPORA", raising=False)
    file = tmp_path / "data" / "models" / "abuse.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(SHIPPED.read_bytes()[:5000])
    texts = tmp_path / "mine.tsv"
    texts.write_text("你是个铁憨批\t1\n瓜娃子过来吃饭\t0\n", encoding="utf-8")

    done = CliRunner().invoke(models, ["train", "abuse", "--texts", str(texts)], obj=config)

    assert done.exit_code == 0, done.output
    assert "坏了" in done.output
    assert AbuseModel.load(file).score(read("你是个铁憨批")) > 0.5


@pytest.mark.parametrize(
    ("lines", "said"),
    [("没有标签的一行\n", "第 1 行"), ("好\t1\n坏\t2\n", "第 2 行"), ("\t1\n", "第 1 行"), ("好\tnan\n", "第 1 行")],
)
def test_a_line_that_cannot_be_read_is_named(lines: str, said: str, tmp_path: Path, config: Path) -> None:
    texts = tmp_path / "mine.tsv"
    texts.write_text(lines, encoding="utf-8")

    done = CliRunner().invoke(models, ["train", "abuse", "--texts", str(texts)], obj=config)

    assert done.exit_code == 1
    assert said in done.output


def test_nothing_to_learn_from_is_explained(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOT_CORPORA", raising=False)

    done = CliRunner().invoke(models, ["train", "abuse"], obj=config)

    assert done.exit_code == 1
    assert "--texts" in done.output


@pytest.mark.skipif(not CORPORA, reason="needs BOT_CORPORA")
def test_ordinary_chat_is_hardly_ever_taken_for_abuse() -> None:
    rows = (Path(CORPORA) / "chat_nus_sms" / "public" / "train.tsv").read_text(encoding="utf-8").splitlines()[1::20]

    scores = shipped().scores([read(row.rpartition("\t")[2]) for row in rows])

    assert sum(score > 0.5 for score in scores) / len(scores) < 0.02


def test_training_needs_texts_only(lesson: Texts) -> None:
    own = list(zip(lesson.texts[::30], lesson.labels[::30].tolist(), strict=True))

    assert train(None, own).runs.kinds == shipped().runs.kinds
    assert grams_of("好").sizes.tolist() == [2]
