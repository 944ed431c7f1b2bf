"""Where this repository's own files lie. No other module counts parents of its file."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TEMPLATES = ROOT / "templates"
