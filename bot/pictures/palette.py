"""The colours of the pictures: one family of greens, a warm accent, greys that read well on a phone."""

from __future__ import annotations

INK = "#1f2a37"
MUTED = "#7b8794"
FAINT = "#c3cad3"
HAIR = "#e8ecf1"
GROUND = "#f1f5f4"
WHITE = "#ffffff"

GREEN = "#12a67c"
DEEP_GREEN = "#0c8a67"
PALE_GREEN = "#dff5ec"
MINT = "#8fe0c4"
AMBER = "#f5a524"
PALE_AMBER = "#fdf0d5"

NIGHT = "#1d2b4f"
NIGHT_HIGH = "#26386a"
NIGHT_HIGHER = "#31477f"
GOLD = "#f6cf7d"
PALE_BLUE = "#c2cdea"

BLUE = "#3f6fe0"
DEEP_BLUE = "#335fca"
PALE_BLUE_GROUND = "#eef2fb"
BAR = "#d9e4fb"
OWN_ROW = "#fff8e8"
MEDALS = ("#f4b73f", "#a9b4c4", "#d29262")

CORAL = "#f2704f"
DEEP_CORAL = "#dd5b3a"
PALE_CORAL = "#fde6df"
