"""When administrators hear of a bad mood, and what they may say to it. Figures and words only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MoodRules:
    """From which share of unhappy messages among at least so many in 24 hours it is told: ``alarm_share`` (0 never), ``alarm_messages``.

    ``support_share`` stands instead where people come to complain; ``response`` is what administrators are offered to say.
    """

    alarm_share: float = 0.3
    alarm_messages: int = 30
    support_share: float = 0.6
    response: str = "大家的反馈我们都看到了，正在逐条核实。请把遇到的情况私聊发给我，或者说“人工”找同事处理；有进展会第一时间在群里说明。"

    def share(self, *, is_support: bool) -> float:
        """The share that counts in a community; 0 where nobody is told."""
        return self.support_share if is_support else self.alarm_share
