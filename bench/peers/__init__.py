"""The same work without this project: a bare loop as the floor, and DBOS Transact as a peer.

Each makes the remote calls of an ordinary order that the merchant ships, with the same database and
remotes, and keeps the order in a table. None of them waits for the warehouse.
"""
