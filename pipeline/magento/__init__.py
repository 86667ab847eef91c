"""The Magento side: one client for a shop's REST API, and how an Amazon order becomes its order."""
