"""Access: people, their sign-ins, the pause after wrong passwords, the tokens of other
systems, and reading the security log.

Imports: settings, base.
Start reading: `people.py`.
"""
