"""Passes: `Function -> Function`, one file each; `pipeline.py` is the list of them in order."""
