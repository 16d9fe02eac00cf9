"""Remembers: the one home of redis-py. One noun a file; every public method is one atomic act."""
