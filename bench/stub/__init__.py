"""Both remotes as a small asyncio server that answers at once, in a process of its own.

Its replies have the form of the stand-ins' replies to the same calls, which a test compares. It
checks nothing, forgets everything at its end, and delays each reply as its start or `/_control`
says.
"""
