"""Lines that are shown to people, as text in a terminal and as HTML in a notebook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

#: Readable on light and on dark ground.
_STYLES = {
    "removed": "background:rgba(248,81,73,.22)",
    "added": "background:rgba(63,185,80,.22)",
    "head": "font-weight:bold",
    "aside": "opacity:.65",
}
_TABLE = "text-align:left;padding:2px 10px;vertical-align:top"


class Line(NamedTuple):
    """One line of an explanation."""

    text: str
    depth: int = 0
    style: Literal["", "head", "added", "removed", "aside"] = ""

    def deeper(self, by: int = 1) -> Line:
        """The same line, further in."""
        return self._replace(depth=self.depth + by)

    def written(self) -> str:
        """As text."""
        return "  " * self.depth + self.text


def as_text(lines: Iterable[Line]) -> str:
    """Lines for a terminal."""
    return "\n".join(line.written() for line in lines)


def as_html(lines: Iterable[Line]) -> str:
    """Lines for a notebook: what was removed and added is coloured, and nothing that they contain is markup."""
    written = "".join(_html(line) for line in lines)
    return f'<pre style="line-height:1.35;margin:0;white-space:pre-wrap">{written}</pre>'


def _html(line: Line) -> str:
    style = f";{_STYLES[line.style]}" if line.style else ""
    return f'<span style="display:block{style}">{escaped(line.written()) or "&nbsp;"}</span>'


def escaped(text: str) -> str:
    """Text as HTML that shows it."""
    import html

    # What no encoding can hold, as a source may, would keep the whole notebook from being saved.
    return html.escape(text).encode("utf-8", "backslashreplace").decode()


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in columns, without borders."""
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows))
    return "\n".join(line.rstrip() for line in lines)


def html_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as HTML."""
    head = "".join(f'<th style="{_TABLE}">{escaped(cell)}</th>' for cell in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_TABLE}">{escaped(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def at(seconds: float) -> str:
    """A moment in local time, to the minute."""
    return f"{dt.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def some(names: Sequence[str], most: int = 8) -> str:
    """Names in a row; of many the first, and how many there are."""
    shown = ", ".join(names[:most])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > most else shown


_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(number: float) -> str:
    """A number of bytes as people read it: ``40.1 kB``."""
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} bytes" if not unit else f"{number:.3g} {_UNITS[unit]}"
