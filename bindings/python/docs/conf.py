"""How Sphinx makes the pages, and tests their examples."""

from __future__ import annotations

import zamok

project = "zamok"
author = "The authors of Zamok"
version = release = zamok.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns: list[str] = []
html_theme = "furo"
html_copy_source = False
nitpicky = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
doctest_global_setup = "import zamok"
doctest_test_doctest_blocks = "default"
