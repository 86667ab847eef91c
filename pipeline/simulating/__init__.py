"""What would become of an order, told without a network, a database or an account."""
