"""Decides: pure functions, with no Redis, clock, network or dice of their own."""
