"""Who may come in to the console: people, their sessions, and the pause after wrong passwords.

Imports: settings, base.
Start reading: `people.py`.
"""
