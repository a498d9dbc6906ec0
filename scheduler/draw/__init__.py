"""A proposal as people see it: Markdown for a pull request, Mermaid, SVG and lines of text. Pure.

Everything that comes from outside (names of models, jobs, tags) is escaped for where it is put, and every text is
bounded: GitHub refuses comments of 65,536 characters and Mermaid graphs that are too large.
"""

from scheduler.draw.markdown import LARGEST, markdown
from scheduler.draw.mermaid import mermaid
from scheduler.draw.outline import Line, outline
from scheduler.draw.sections import changes
from scheduler.draw.svg import svg

__all__ = ["LARGEST", "Line", "changes", "markdown", "mermaid", "outline", "svg"]
