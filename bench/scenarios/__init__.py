"""The scenarios, by the name that the command line takes. Each returns its tables and figures."""
