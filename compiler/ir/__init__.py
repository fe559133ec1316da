"""The typed IR: types, nodes, printer, parser, verifier, interpreter. It knows no particular op; those are rows."""
