"""The table of conventions in the documentation is the one the rows state."""

from pathlib import Path

from wengert.compiler.ops.conventions import table


def test_the_table_in_the_docs_is_that_of_the_rows():
    page = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text()
    assert table() in page, "put the output of `python -m wengert.compiler.ops.conventions` into docs/conventions.md"
    assert "`np.absolute`" in page and "`np.sqrt`" in page
