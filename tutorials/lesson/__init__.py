"""What the tutorials share: predictions, checks, and progress kept on the reader's machine.

    lesson = Lesson("01")
    lesson.predict("overwritten", "What will the derivative be?")     # stores the reader's guess
    lesson.reveal("overwritten", value)                               # guess and answer side by side
    with lesson.check("safe_norm") as expect:                         # says right, or what is off
        expect.close("the derivative at 0", grad_norm(0.0), 0.0)
    lesson.card()                                                     # what is done, and what is left
    findings(f, *args)                                                # the pitfall report as a view, with a button to check again
    show_path()                                                       # all tutorials, and how far the reader is

Needs IPython; ipywidgets for the input fields (without them, `lesson.guess(name, value)` stores a guess).
"""

from .checks import Check, Outcome
from .findings import findings
from .lesson import Lesson
from .path import show_path
from .progress import Progress

__all__ = ["Check", "Lesson", "Outcome", "Progress", "findings", "show_path"]
