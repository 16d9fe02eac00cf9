"""Measurements that can be repeated; ``docs/benchmarks.md`` says how and what they gave."""
