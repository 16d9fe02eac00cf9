"""What administrators ask of 客户联系 in chat: mass messages and intercept rules. Done behind the answer, reported in the admin group.

Each errand here ends with one report; ``begin`` comes before what may not be done twice, so that a crash right there is reported as unsure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from bot import deliveries
from bot.client import NoAnswer
from bot.communities import Communities
from bot.config import Config
from bot.customer_api import CustomerApi, InterceptRule, MassMessage
from bot.customers import TOO_OFTEN, Act
from bot.errors import ApiError
from rules.contents import WORDS, from_items
from rules.intercepts import Plan, Rule, is_ours, plan
from storage.errands import Errand
from storage.mass_messages import MassRecord
from storage.moment import to_ms
from storage.stores import Stores

START, RESULT, REMIND, CANCEL = "mass_start", "mass_result", "mass_remind", "mass_cancel"
INTERCEPT_PLAN, INTERCEPT_SYNC = "intercept_plan", "intercept_sync"
BLOCKING_SEVERITY = 2
"""Words from here on keep an employee from sending; the lighter ones are only noted."""
PASSING = {-1, 41063, 45009, 45033}
"""Codes with which WeCom did nothing, and may do it later."""
OPENING = 20
REFUSALS: Mapping[int, str] = {
    41048: "没有可以发送的客户群",
    41068: "词太多",
    41069: "规则已满 100 条",
    41077: "已有同名的规则",
    48002: "这个渠道没有权限，请在后台的“客户联系 → API”里允许",
    60111: "员工不存在，或没有客户联系权限",
}
SHOWN = {"waiting": "待确认", "sent": "已发送", "no contact": "发送失败", "too many": "本月已达上限"}


class Campaigns:
    """The acts behind 群发 and 拦截词. ``acts`` is what :class:`bot.customers.Customers` takes as ``more``."""

    def __init__(self, stores: Stores, config: Config, communities: Communities, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._config = config
        self._communities = communities
        self._clock = clock
        self.acts: Mapping[str, Act] = {
            START: self._start,
            RESULT: self._told(self._result),
            REMIND: self._told(self._remind),
            CANCEL: self._told(self._cancel),
            INTERCEPT_PLAN: self._told(self._plan),
            INTERCEPT_SYNC: self._told(self._sync),
        }

    # Mass messages --------------------------------------------------------------------------------------------------------

    def _start(self, errand: Errand, api: CustomerApi) -> bool:
        facts = errand.facts
        sender, chats = int(facts["sender"]), tuple(msgspec.json.decode(facts["chats"]))
        user = self._stores.directory.find_user(sender)
        if errand.was_begun or not user:
            self._report(
                errand,
                "群发没有确定的结果：请在企业微信的“客户群 → 群发”里看看有没有这个任务。" if user else "群发取消：员工已不在通讯录中。",
            )
            return True
        if not self._stores.errands.begin(errand):
            return True  # another process has it by now, and its word is the one that counts
        try:
            started = api.start_mass(MassMessage(user, facts["text"], chats))
        except ApiError as error:
            return self._start_failed(errand, error)
        record = MassRecord(started.msgid, errand.channel, sender, len(chats), to_ms(self._clock()), facts["text"][:OPENING])
        reached = [chat for chat in chats if chat not in started.failed]
        number = self._stores.mass_messages.record(errand.where, record, reached, facts["month"], once=errand.id)
        text = f"群发 {number} 已建好：{len(reached)} 个客户群，等员工在企业微信里确认后发出。查看：`群发 结果 {number}`，催一下：`群发 提醒 {number}`"
        self._report(errand, text + (f"\n有 {len(started.failed)} 个群发不了。" if started.failed else ""))
        return True

    def _start_failed(self, errand: Errand, error: ApiError) -> bool:
        """Whether that ends the errand: it does unless WeCom surely did nothing and may do it later."""
        if isinstance(error, NoAnswer) and error.may_have_arrived:
            self._report(errand, "群发没有确定的结果：企业微信没有应答。请在“客户群 → 群发”里看看有没有这个任务，没有再新建。")
            return True
        if isinstance(error, NoAnswer) or error.code in PASSING:
            self._stores.errands.take_back(errand)
            if error.code == TOO_OFTEN:
                raise error
            return False
        self._report(errand, f"群发没有建成：{_why(error)}")
        return True

    def _result(self, errand: Errand, api: CustomerApi) -> str:
        counts = api.read_mass(self._mass(errand).msgid)
        shown = "，".join(f"{SHOWN.get(state, state)} {n} 个" for state, n in counts.items()) or "还没有接收的群"
        return f"群发 {errand.facts['number']}：{shown}。"

    def _remind(self, errand: Errand, api: CustomerApi) -> str:
        api.remind_mass(self._mass(errand).msgid)
        return f"群发 {errand.facts['number']}：已提醒还没确认的员工。"

    def _cancel(self, errand: Errand, api: CustomerApi) -> str:
        api.cancel_mass(self._mass(errand).msgid)
        return f"群发 {errand.facts['number']}：已取消；已经发出的收不回来。"

    def _mass(self, errand: Errand) -> MassRecord:
        found = self._stores.mass_messages.find(errand.where, int(errand.facts["number"]))
        assert found is not None  # the command looked before it asked
        return found

    # Intercept rules ------------------------------------------------------------------------------------------------------

    def _plan(self, errand: Errand, api: CustomerApi) -> str:
        planned = self._planned(api)
        if planned.is_empty:
            return f"拦截词已经一致：{planned.kept} 条规则，什么也不用改。"
        return f"拦截词同步的打算（还没有改动）：{_shown(planned)}。\n它只拦员工发出的话，不拦客户的。照办请说：`拦截词 同步 确认`"

    def _sync(self, errand: Errand, api: CustomerApi) -> str:
        planned = self._planned(api)
        for rule in planned.drop:
            api.drop_rule(rule.id)
        for rule in planned.update:
            api.update_rule(InterceptRule(rule.id, rule.name, rule.words))
        for name, words in planned.add.items():
            api.add_rule(name, words)
        return f"拦截词已同步：{_shown(planned)}。" if not planned.is_empty else f"拦截词已经一致：{planned.kept} 条规则。"

    def _planned(self, api: CustomerApi) -> Plan:
        listed = from_items(WORDS, self._stores.content.items(WORDS.name))
        words = [
            word.text for word in listed.words if word.severity >= BLOCKING_SEVERITY and not word.communities
        ]  # rules hold for everybody
        rules = api.list_rules()
        ours = [api.read_rule(id) for id, name in rules if is_ours(name)]
        return plan(words, [Rule(rule.id, rule.name, rule.words) for rule in ours], others=len(rules) - len(ours))

    # Telling --------------------------------------------------------------------------------------------------------------

    def _told(self, act: Callable[[Errand, CustomerApi], str]) -> Act:
        """An act that may be done again, and ends with a report: what it says, or why WeCom refused."""

        def do(errand: Errand, api: CustomerApi) -> bool:
            try:
                text = act(errand, api)
            except NoAnswer:
                raise
            except ApiError as error:
                if error.code in PASSING:
                    raise
                text = f"企业微信拒绝了：{_why(error)}"
            self._report(errand, text)
            return True

        return do

    def _report(self, errand: Errand, text: str) -> None:
        community, now_ms = self._communities.named(errand.where.id), to_ms(self._clock())
        report = deliveries.to_admins(self._config, community.id, text, id=f"{errand.id}:report", now_ms=now_ms)
        if report:
            self._stores.outbox.enqueue(community.shard, [report], now_ms)


def _shown(planned: Plan) -> str:
    parts = [("新增", len(planned.add)), ("更新", len(planned.update)), ("删除", len(planned.drop)), ("不变", planned.kept)]
    text = "，".join(f"{what} {n} 条规则" for what, n in parts if n)
    return text + (f"；{len(planned.left_out)} 个词放不进去（太长，或超过 100 条规则）" if planned.left_out else "")


def _why(error: ApiError) -> str:
    known = REFUSALS.get(error.code or 0)
    return f"{known}（错误码 {error.code}）" if known else f"错误码 {error.code}"
