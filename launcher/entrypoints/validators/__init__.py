"""The validators, which look whether an environment is there, one module each."""
