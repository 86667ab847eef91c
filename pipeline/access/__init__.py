"""Access: people, their sign-ins, the pause after wrong passwords, and reading the security log.

Imports: settings, base.
Start reading: `people.py`.
"""
