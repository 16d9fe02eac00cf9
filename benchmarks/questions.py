"""A thousand made-up FAQ entries, and what members ask of them: in the entry's own words, by a keyword, and in words of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from rules.entries import Entry
from rules.faq import Faq
from rules.text import Words

_THINGS = (
    "会员卡", "优惠券", "电子发票", "体验课", "直播回放", "纸质教材", "学习资料", "打卡勋章", "读书会名额", "线下沙龙", "拼团订单", "预售商品",
    "生日礼包", "积分商品", "周边徽章", "训练营", "结业证书", "一对一辅导", "社群名片", "快递包裹", "赠品", "抽奖奖品", "邀请码", "亲子活动",
    "年度会员", "季度会员", "家庭账号", "企业账号", "推广佣金", "团购价", "运费险", "定金", "尾款", "礼品卡", "试用装", "健身私教课", "瑜伽垫",
    "咖啡券", "停车券", "场馆门票", "志愿者名额", "作业批改", "模拟考试", "错题本", "英语外教课", "编程小班", "书法班", "夏令营", "游学团", "积分排行榜",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Aspect:
    """One thing to ask of every subject: ``{}`` is the subject; ``own`` is a wording that the entry does not list."""

    question: str
    similar: tuple[str, str]
    own: str
    verb: str
    answer: str


_ASPECTS = (
    _Aspect("{}怎么申请", ("如何申请{}", "在哪里可以申请{}"), "我想申请一张{}，应该怎么操作", "申请", "在“我的 → {}”里点“申请”，1 个工作日内有结果。"),
    _Aspect("{}怎么取消", ("如何取消{}", "{}不想要了能取消吗"), "之前报的{}现在想取消，怎么弄", "取消", "开始前 24 小时可以在“我的订单”里取消{}，原路退款。"),
    _Aspect("{}在哪里查看", ("哪里能看到{}", "{}的记录在哪儿"), "手机上到哪里可以查看我的{}", "查看", "打开小程序，点“我的 → 全部服务”，就能看到你的{}。"),
    _Aspect("{}有效期多久", ("{}什么时候过期", "{}能用多长时间"), "上个月拿到的{}有效期是到什么时候", "有效期", "{}自领取之日起 180 天内有效，到期前会提醒。"),
    _Aspect("{}多少钱", ("{}价格是多少", "{}怎么收费"), "请问现在买{}一共要多少钱", "价格", "{}的价格以小程序里的商品页为准，老成员享九折。"),
    _Aspect("{}信息填错了怎么修改", ("怎么修改{}的信息", "{}资料写错了能改吗"), "我{}的信息写错了，可以帮我修改吗", "修改", "没有审核的{}可以修改。"),
    _Aspect("{}可以转让给别人吗", ("{}能转给朋友吗", "怎么转让{}"), "这个{}我用不上，能不能转让给同事", "转让", "{}可以转让一次：在详情页点“转赠”即可。"),
    _Aspect("{}丢了怎么补办", ("{}不见了怎么办", "如何补办{}"), "不小心把{}弄丢了，还能补办吗", "补办", "凭手机号可以免费补办一次{}，请回复“人工”登记。"),
    _Aspect("{}怎么退款", ("{}能退钱吗", "如何申请{}退款"), "买了{}不合适，退款要怎么走", "退款", "{}未使用前可以在“我的订单”里申请退款，1–3 个工作日到账。"),
    _Aspect("{}怎么开发票", ("{}可以开票吗", "如何给{}开发票"), "公司报销要用，{}的发票怎么开", "发票", "{}的发票在订单详情里点“申请开票”，会发到邮箱。"),
    _Aspect("{}有什么使用条件", ("{}使用门槛是什么", "什么人可以用{}"), "想了解一下{}的使用条件都有哪些", "条件", "实名登记的成员都能使用{}，每人限一份。"),
    _Aspect("{}多久到账", ("{}什么时候到", "{}几天能收到"), "上周申请的{}到现在还没到账", "到账", "{}一般在审核后 48 小时内到账。"),
    _Aspect("{}怎么绑定手机号", ("{}如何换绑手机", "{}绑定不了手机号"), "换了新号码，{}的手机号怎么重新绑定", "绑定", "在“设置 → 账号安全”里换绑，{}跟着走。"),
    _Aspect("{}怎么升级", ("{}如何升级到高级版", "{}升级要什么条件"), "我的{}想升级一档，需要做什么", "升级", "在{}详情页点“升级”，补差价即可，原有权益不变。"),
    _Aspect("{}可以送人吗", ("怎么把{}赠送给朋友", "{}能当礼物送吗"), "朋友过生日，我想把{}赠送给他", "赠送", "{}支持赠送：下单时选“送给朋友”，写上祝福语。"),
    _Aspect("{}有问题找谁投诉", ("{}投诉电话是多少", "对{}不满意怎么投诉"), "对这次的{}很不满意，我要投诉", "投诉", "请回复“人工”，{}的负责人会联系你。"),
    _Aspect("{}每人限购几份", ("{}最多能买几个", "{}有数量限制吗"), "我想多买几份{}，有没有限购", "限购", "{}每人每月限购三份，活动期间以页面为准。"),
    _Aspect("{}需要提前预约吗", ("{}怎么预约", "{}预约不上怎么办"), "周末想用{}，要不要提前预约", "预约", "{}需要提前一天在小程序里预约，名额满了可以候补。"),
    _Aspect("{}怎么续费", ("{}到期了如何续费", "{}自动续费怎么关"), "{}快到期了，续费在哪里操作", "续费", "在“我的 → {}”里点“续费”，提前续费会累计时长。"),
    _Aspect("{}怎么领取", ("在哪里领取{}", "{}领取不了怎么办"), "群里说的{}我还没有领取，怎么领", "领取", "在活动页点“领取”，{}会放进你的账户。"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the answer it must get; ``how`` is exact, keyword or similar."""

    text: str
    answer: str
    how: str


def entries() -> tuple[Entry, ...]:
    """1,000 entries: 50 things with 20 questions each, two further wordings and one keyword a question."""
    return tuple(
        Entry(
            id=f"q{thing:02d}-{aspect:02d}",
            question=about.question.format(name),
            answer=about.answer.format(name),
            similar=(about.similar[0].format(name), about.similar[1].format(name)),
            keywords=(f"{name}+{about.verb}",),
        )
        for thing, name in enumerate(_THINGS)
        for aspect, about in enumerate(_ASPECTS)
    )


def as_yaml(listed: Sequence[Entry]) -> str:
    """The entries as operators write them: the text of ``faq.yaml``."""
    rows = [
        {"id": each.id, "question": each.question, "answer": each.answer, "similar": list(each.similar), "keywords": list(each.keywords)}
        for each in listed
    ]
    return yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=1000)


def own_wording(place: str) -> str:
    """A wording that the entry does not list, by the numbers in its id: ``07-13`` is thing 7, aspect 13."""
    thing, aspect = map(int, place.split("-"))
    return _ASPECTS[aspect].own.format(_THINGS[thing])


def answerable(listed: Sequence[Entry], words: Words) -> dict[str, list[Asked]]:
    """Questions that the FAQ answers rightly, by the step that finds the answer: ``exact``, ``keyword``, ``similar``."""
    faq = Faq(listed, words)
    found: dict[str, list[Asked]] = {"exact": [], "keyword": [], "similar": []}
    for number, entry in enumerate(listed):
        about, name = _ASPECTS[number % len(_ASPECTS)], _THINGS[number // len(_ASPECTS)]
        for text in (entry.question, entry.similar[0] + "？", f"{name}{about.verb}", about.own.format(name)):
            finding = faq.ask(text)
            if finding.entry == entry:
                found[finding.why].append(Asked(text, entry.answer, finding.why))
    return found
