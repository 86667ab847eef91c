"""What happens to an order: seven steps, the runner that takes them, and the jobs beat starts."""
