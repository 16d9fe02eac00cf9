"""A rehearsal: the real bot and the pretend WeCom live through a month with virtual members, on a virtual clock."""
