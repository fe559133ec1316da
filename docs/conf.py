"""The documentation site: `sphinx-build -W docs docs/_build/html` (with the extra `docs`, or `test`, installed).

Pages that say what the code says are made here at every build, into `_generated`: the magics' options from their
parsers, the tutorials from their notebooks (with their text, not run), the results of the benchmarks.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

import wengert

DOCS = Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / "_generated"
sys.path.insert(0, str(DOCS))

project = "wengert"
author = "The wengert developers"
copyright = "the wengert developers"
release = version = wengert.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_generated/language_table.md"]  # which language.md includes
html_theme = "furo"
html_title = f"wengert {release}"
html_static_path: list[str] = []
default_role = "code"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the test suite runs the notebooks, solved and unsolved
autodoc_typehints = "none"
autodoc_member_order = "bysource"
suppress_warnings = ["myst.xref_missing"]  # links of included pages into the repository's tree


def fresh_generated() -> None:
    shutil.rmtree(GENERATED, ignore_errors=True)
    (GENERATED / "tutorials").mkdir(parents=True)
    for notebook in sorted((ROOT / "tutorials").glob("*.ipynb")):
        shutil.copy(notebook, GENERATED / "tutorials")
    tables = sorted((ROOT / "benchmarks").glob("*.md")) + sorted((ROOT / "benchmarks/results").glob("*.md"))
    (GENERATED / "results").mkdir()
    for table in tables:
        shutil.copy(table, GENERATED / "results")
    (GENERATED / "concepts.md").write_text(concepts_page(), encoding="utf-8")
    (GENERATED / "pitfalls.md").write_text(pitfalls(), encoding="utf-8")
    (GENERATED / "results.md").write_text(results_page(), encoding="utf-8")
    (GENERATED / "language_table.md").write_text(language_table(), encoding="utf-8")
    (GENERATED / "magics.md").write_text(magics_page(), encoding="utf-8")


def language_table() -> str:
    import language_table as made

    return made.page()


def pitfalls() -> str:
    import pitfalls_page

    return pitfalls_page.page()


def concepts_page() -> str:
    """Every page that index.md does not place itself."""
    placed = {"index", "getting_started", "magics", "api", "compare", "offload", "performance", "design"}
    pages = [path.relative_to(DOCS) for folder in (DOCS, DOCS / "concepts") for path in sorted(folder.glob("*.md"))]
    entries = "\n".join(f"/{page.with_suffix('')}" for page in pages if page.stem not in placed)
    return f"# Concepts and reference\n\n```{{toctree}}\n{entries}\n```\n"


def results_page() -> str:
    tables = "\n".join(f"results/{path.stem}" for path in sorted((GENERATED / "results").glob("*.md")))
    return f"# Results\n\n```{{toctree}}\n{tables}\n```\n" if tables else "# Results\n\nSee `benchmarks/results`.\n"


def magics_page() -> str:
    from wengert.magics.options import LINE_HELP, PARSERS

    parts = ["# Options of the magics\n"]
    for name, parser in PARSERS.items():
        parts.append(f"## %%{name}\n\n```text\n{parser.format_help().strip()}\n```\n")
    parts.append(f"## %wengert\n\n```text\n{LINE_HELP}\n```\n")
    return "\n".join(parts)


fresh_generated()


def plain_docstring(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: outside of backticks nothing in them is markup."""
    for number, line in enumerate(lines):
        pieces = line.split("`")
        pieces[::2] = [re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", piece) for piece in pieces[::2]]
        lines[number] = "`".join(pieces)


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", plain_docstring)
