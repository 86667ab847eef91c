"""Access to the console: people, their sign-ins, and the pause after wrong passwords.

Imports: settings, base.
Start reading: `people.py`.
"""
