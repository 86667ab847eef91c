"""A stand-in for the part of Amazon's SP-API that imports orders and confirms shipments."""
