"""Notebooks as safe HTML, made by child processes with bounds on time, memory and output."""

from launcher.rendering.renderer import Renderer

__all__ = ["Renderer"]
