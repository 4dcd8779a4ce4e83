"""Notebooks as safe HTML, made by child processes with bounds on time, memory and output."""

from launcher.rendering.failed import FailedRenderings
from launcher.rendering.renderer import Renderer
from launcher.rendering.statistics import CellError, Statistics
from launcher.rendering.views import SUMMARY, WHOLE, View

__all__ = ["SUMMARY", "WHOLE", "CellError", "FailedRenderings", "Renderer", "Statistics", "View"]
