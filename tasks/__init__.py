"""The tasks: an order's seven steps, the runner that executes them, and the jobs beat starts."""
