"""Stand-ins for Amazon's SP-API and Magento's REST API, on loopback, with faults on request."""
