"""The documentation site: `sphinx-build -W docs docs/_build/html` (with the extra `docs`, or `test`, installed).

Pages that say what the code says are made here at every build, into `_generated`: the magics' options from their
parsers, the tutorials from their notebooks, the results of the benchmarks. With WENGERT_DOCS_RUN=1 the tutorials are
run, unsolved, and shown with what they print and the pictures of their views, which takes some minutes; without it they
are shown as they are committed, without outputs.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from pathlib import Path

from sphinx.application import Sphinx

import wengert

DOCS = Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / "_generated"
RUN = os.environ.get("WENGERT_DOCS_RUN") == "1"
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
nb_execution_mode = "force" if RUN else "off"  # the test suite runs the notebooks, solved and unsolved
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", 200)]  # a page has no kernel: pictures, text
autodoc_typehints = "none"
autodoc_member_order = "bysource"
suppress_warnings = [
    "myst.xref_missing",  # links of included pages into the repository's tree
    "mystnb.unknown_mime_type",  # what a check found, as data beside its text
]


def fresh_generated() -> None:
    shutil.rmtree(GENERATED, ignore_errors=True)
    (GENERATED / "tutorials").mkdir(parents=True)
    for notebook in sorted((ROOT / "tutorials").glob("*.ipynb")):
        shutil.copy(notebook, GENERATED / "tutorials")
    if RUN:
        os.environ["WENGERT_PROGRESS"] = str(GENERATED / "progress.json")
        for folder in ("lesson", "data", "recorded"):
            shutil.copytree(ROOT / "tutorials" / folder, GENERATED / "tutorials" / folder)
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
    placed = {"index", "getting_started", "magics", "api", "compare", "offload", "views", "performance", "design"}
    pages = [path.relative_to(DOCS) for folder in (DOCS, DOCS / "concepts") for path in sorted(folder.glob("*.md"))]
    entries = "\n".join(f"/{page.with_suffix('')}" for page in pages if page.stem not in placed)
    return f"# Concepts and reference\n\n```{{toctree}}\n{entries}\n```\n"


def results_page() -> str:
    """The tables of the current state, then those of each day, the newest first."""
    names = sorted((path.stem for path in (GENERATED / "results").glob("*.md")), key=lambda name: (name[0] != "2", name))
    tables = "\n".join(f"results/{name}" for name in reversed(names))
    return f"# Results\n\n```{{toctree}}\n:maxdepth: 1\n\n{tables}\n```\n"


def magics_page() -> str:
    from wengert.magics.options import LINE_HELP, PARSERS

    parts = ["# Options of the magics\n"]
    for name, parser in PARSERS.items():
        lines = [line for text in parser.format_help().strip().splitlines() for line in textwrap.wrap(text, 84) or [""]]
        parts.append(f"## %%{name}\n\n```text\n{chr(10).join(lines)}\n```\n")
    rows, _, said = LINE_HELP.partition("\n\n")
    pairs = [re.split(r"  +", row.replace("|", "\\|"), maxsplit=1) for row in rows.splitlines()]
    table = "\n".join(f"| `{command}` | {what} |" for command, what in pairs)
    parts.append(f"## %wengert\n\n| command | shows |\n|---|---|\n{table}\n\n{said}\n")
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
