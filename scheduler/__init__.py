"""The clock's door: says when, never what. The one home of APScheduler."""
