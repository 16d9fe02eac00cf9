"""Runs of a house in which everything breaks, and a checker that has no part in it."""
