"""How likely a text is abuse, by two models of its runs of characters. Trained and measured as docs/models/abuse.md tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rules.gram_model import GramModel, GramNet, read_arrays
from rules.grams import Grams, grams, grams_of
from rules.unmask import Reading

SHIPPED = Path(__file__).parent / "models" / "abuse.npz"


@dataclass(frozen=True, slots=True)
class AbuseModel:
    """A sum of weights and a net, added up by shares so that the sum is the logarithm of the odds, in half abuse and half not.

    ``made`` tells when a report asks: what it was trained on, and how well it did on texts that were held back (JSON).
    """

    runs: GramModel
    net: GramNet
    run_share: float = 0.5
    net_share: float = 0.5
    shift: float = 0.0
    made: str = ""

    @classmethod
    def load(cls, file: Path) -> AbuseModel:
        """The model that :meth:`save` wrote. OSError without a file, ValueError or KeyError for another one."""
        kept = read_arrays(file)
        runs, net = GramModel.of(kept), GramNet.of(kept)
        return cls(runs, net, float(kept["run_share"]), float(kept["net_share"]), float(kept["shift"]), str(kept["made"]))

    def save(self, file: Path) -> None:
        """Writes the model; the same model is the same bytes."""
        shares = {"run_share": self.run_share, "net_share": self.net_share, "shift": self.shift}
        with file.open("wb") as opened:
            np.savez_compressed(opened, allow_pickle=False, **self.runs.arrays(), **self.net.arrays(), **shares, made=np.array(self.made))

    def score(self, reading: Reading) -> float:
        """How likely the text is abuse, in the worst way to read it: 0..1."""
        if len(reading.views) == 1:
            found = grams_of(reading.plain)
            logit = self.run_share * self.runs.logits(found).item() + self.net_share * self.net.logits(found).item() + self.shift
            return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
        return float(_probable(self.logits(grams([view.text for view in reading.views]))).max())

    def scores(self, readings: Sequence[Reading]) -> list[float]:
        """:meth:`score` of many texts, in a tenth of the time."""
        if not readings:
            return []
        firsts = np.cumsum([0, *(len(reading.views) for reading in readings[:-1])])
        logits = self.logits(grams([view.text for reading in readings for view in reading.views]))
        worst: list[float] = _probable(np.maximum.reduceat(logits, firsts)).tolist()
        return worst

    def logits(self, found: Grams) -> NDArray[np.floating]:
        """For each text the logarithm of the odds."""
        return self.run_share * self.runs.logits(found) + self.net_share * self.net.logits(found) + self.shift

    def why(self, reading: Reading) -> tuple[tuple[int, int], ...]:
        """The parts of the text as it was sent that speak most for abuse, in their order (start, end exclusive)."""
        view = reading.views[0]
        if len(reading.views) > 1:
            view = reading.views[int(np.argmax(self.logits(grams([view.text for view in reading.views]))))]
        return tuple(dict.fromkeys(view.span(start, end) for start, end in self.runs.heaviest(view.text)))


@lru_cache(maxsize=1)
def shipped() -> AbuseModel:
    """The model that comes with the program, read once."""
    return AbuseModel.load(SHIPPED)


def _probable(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    probable: NDArray[np.floating] = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return probable
