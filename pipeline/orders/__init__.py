"""An order in our words: its tables, its state machine, the decision table and the effect ledger.

Imports: settings, base.
Start reading: `machine.py`, `decision_table.py`, `ledger.py`.
"""
