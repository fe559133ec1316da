"""NumPy kernels as scientists write them, unchanged: what compiles as it stands, and gives NumPy's answer.

    for name, (function, arguments) in KERNELS.items():
        function(*arguments())          fresh arguments; it may write into them

Unlike `programs`, these need not be differentiable.
"""

from tests.corpus.kernels import arrays, features, methods, models, sciences
from tests.corpus.kernels.registry import KERNELS

__all__ = ["KERNELS", "arrays", "features", "methods", "models", "sciences"]
