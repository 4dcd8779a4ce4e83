"""Recipes and their output."""
