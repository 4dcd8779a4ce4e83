"""Sphinx's settings for these pages; `make docs` builds them."""

import sys
from pathlib import Path

import launcher

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "JupyterHub experiment launcher"
author = "the authors of the JupyterHub experiment launcher"
release = version = launcher.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generate"]
exclude_patterns = ["_build", "generate", "requirements.txt"]
source_suffix = {".md": "markdown"}

# every link is checked: a missing page, heading or Python name is a warning
nitpicky = True
nitpick_ignore_regex = [("py:class", r"(collections|types|typing)\..*")]
myst_enable_extensions = ["attrs_inline", "deflist"]
myst_heading_anchors = 4

# docstrings have `code` in single backticks
default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "Experiment launcher"
html_static_path = ["static"]
html_css_files = ["docs.css"]
html_sidebars = {"index": [], "tutorial": []}
html_theme_options = {
    "show_prev_next": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": ["sphinx-version"],
    "footer_end": ["theme-version"],
}
html_show_sourcelink = False
html_copy_source = False
