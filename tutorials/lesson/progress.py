"""The reader's progress: a small JSON file in the home folder, or where WENGERT_PROGRESS says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Progress:
    """Guesses and passed checks by lesson. A file that cannot be read or written is no error: progress is then not kept."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(os.environ.get("WENGERT_PROGRESS") or Path.home() / ".wengert" / "progress.json")

    def read(self) -> dict[str, Any]:
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def of(self, lesson: str) -> dict[str, Any]:
        """`{"guesses": {name: guess}, "passed": [name, ...]}` of one lesson."""
        return {"guesses": {}, "passed": [], **self.read().get(lesson, {})}

    def store(self, lesson: str, entry: dict[str, Any]) -> None:
        everything = {**self.read(), lesson: entry}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self.path.with_name(f"{self.path.name}.{os.getpid()}")
            scratch.write_text(json.dumps(everything, indent=1), encoding="utf-8")
            scratch.replace(self.path)
        except OSError:
            pass
