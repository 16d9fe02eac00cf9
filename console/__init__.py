"""Shows: the console, admin pages below ``/console/``. It draws what handlers, stores and content say; it decides nothing itself.

``console(…)`` of ``console/pages.py`` is the whole of it as one blueprint; ``console/doors.py`` says who is let in.
"""
