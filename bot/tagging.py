"""Tags put on a member or taken off, with all that belongs to it: the audit, and the flows that a tag starts."""

from __future__ import annotations

from bot.communities import Community
from bot.errors import UserError
from bot.flow_desk import FlowDesk
from bot.permissions import Actor
from storage.tags import MOST_OF_COMMUNITY, MOST_OF_MEMBER


def change_tag(desk: FlowDesk, community: Community, actor: Actor, number: int, tag: str, *, is_added: bool, once: str) -> None:
    """Puts a tag on a member or takes it off, audited, and starts the flows that the tag starts. Raises UserError."""
    stores, where = desk.stores, community.keys
    change = stores.tags.add if is_added else stores.tags.remove
    outcome = change(where, number, tag, desk.now, actor=actor.member, once=once)
    if outcome == "full":
        before = stores.tags.of(where, number)
        raise UserError(f"一个人最多 {MOST_OF_MEMBER} 个标签，请先去掉一些，例如：标签 @他 去 {before[0] if before else tag}")
    if outcome == "many":
        raise UserError(f"一个社群最多 {MOST_OF_COMMUNITY} 种标签，请先清理不用的。")
    if outcome != "done":
        return
    old, new = ("", tag) if is_added else (tag, "")
    stores.audit.record(community.id, actor.id, f"标签：{'加' if is_added else '去'}{tag}", f"成员 {number}", old, new, desk.now, once=once)
    if is_added:
        desk.start_on(community, number, f"tag:{tag}", once=f"{once}:{number}:{tag}", alone=True)
