"""LLVM text from a bufferised function: host.py drives, the other files each emit one family."""
