"""The part of the stand-in that diagnostics import."""
