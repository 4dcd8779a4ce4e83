"""The types of environments, one module each."""
