"""What the console and the command line read. Nothing here opens the sealed data.

Every list is one query, whatever its length.
"""
