"""The seven steps: business rules and nothing else."""
