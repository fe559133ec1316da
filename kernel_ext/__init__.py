"""wengert: NumPy functions compiled into derivatives, fused batches and GPU code."""

__version__ = "0.1.0"
