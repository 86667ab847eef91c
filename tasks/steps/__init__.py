"""The seven steps: business rules and nothing else.

Imports: pipeline, and the packages of tasks that hold a step's longer rules; never an engine, a
network or a database.
Start reading: the steps in their order: import, verify, enrich, create customer, create order,
ship, sync tracking.
"""
