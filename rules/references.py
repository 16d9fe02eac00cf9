"""What one kind of content names of another, and whether it is there: each file alone can be right, and the two together wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.badges import BadgeRules
from rules.challenges import Challenge
from rules.content_segments import wrong_with
from rules.invitations import InvitationRules
from rules.levels import Levels
from rules.pushes import Push
from rules.saved_segments import Segments
from rules.shop import Shop


def dangling(
    shop: Shop, challenges: Iterable[Challenge], levels: Levels, badges: BadgeRules, invitations: InvitationRules
) -> Iterator[str]:  # fmt: skip
    """Each item, challenge and tier that names a level or a badge which nobody wrote: in Chinese, with what comes of it and the remedy."""
    level_ids, badge_ids = [level.id for level in levels.steps], [badge.id for badge in badges.badges]
    for item in shop.items:
        if item.min_level and levels.find(item.min_level) is None:
            yield _said("shop", f"商品“{item.id}”", "min_level", item.min_level, "levels", level_ids, "谁也换不了它")
    for one in challenges:
        if one.min_level and levels.find(one.min_level) is None:
            yield _said("challenges", f"挑战“{one.id}”", "min_level", one.min_level, "levels", level_ids, "谁都能参加")
        if one.badge and badges.find(one.badge) is None:
            yield _said("challenges", f"挑战“{one.id}”", "badge", one.badge, "badges", badge_ids, "做完了也得不到勋章")
    for tier in invitations.tiers:
        if tier.badge and badges.find(tier.badge) is None:
            yield _said("invitations", f"邀请满 {tier.at} 位", "badge", tier.badge, "badges", badge_ids, "到了也得不到勋章")


def without_meaning(pushes: Iterable[Push], segments: Segments) -> Iterator[str]:
    """Each push whose readers cannot be told: in Chinese, with the place and what comes of it."""
    for push in pushes:
        if push.segment and (problem := wrong_with(push.segment, push.community, segments)):
            yield f"pushes.yaml：推送“{push.id}”的 segment 看不懂，它发不出去。{problem}（content export pushes）"


def _said(kind: str, what: str, field: str, id: str, of: str, ids: list[str], outcome: str) -> str:
    there = f"改成其中一个：{'、'.join(ids[:20])}；或者去掉它" if ids else "请先写上，或者去掉它"
    return f"{kind}.yaml：{what}的 {field} 写的是“{id}”，{of}.yaml 里没有这个 id，{outcome}。{there}（content export {kind}）"
