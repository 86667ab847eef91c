"""Amazon's Selling Partner API: one client per selling account, and pure mapping beside it."""
