"""From the user's function to IR: source -> AST -> abstract execution on typed values. `trace.trace` is the door."""
