"""The compiler: everything that needs no Jupyter."""
