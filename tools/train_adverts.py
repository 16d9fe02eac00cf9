"""Trains the model of advertising that is shipped: ``BOT_CORPORA=… python -m tools.train_adverts [FILE]`` writes it, the same bytes every time.

docs/models/adverts.md is the model card; ``python run.py models train adverts`` trains one of an operator's own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from commands.recipes.adverts import train
from rules.adverts import SHIPPED


def main() -> None:
    """Trains and writes."""
    model = train(Path(os.environ["BOT_CORPORA"]), (), lambda done, total: print(f"{done} of {total}", flush=True))
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    model.save(file)
    print(f"{file.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
