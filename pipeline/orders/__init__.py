"""An order in our terms: its tables, state machine, decision table and effect ledger.

Imports: settings, base.
Start reading: `machine.py`, `decision_table.py`, `ledger.py`.
"""
