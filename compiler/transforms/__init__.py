"""The transforms behind the public API. Each is a `Compiled`: it traces to IR for a signature, and so they compose."""
