"""The registry of the environments that users' servers start in."""
