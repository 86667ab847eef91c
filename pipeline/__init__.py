"""What the steps stand on: settings, database, clients, the state machine and the effect ledger."""
