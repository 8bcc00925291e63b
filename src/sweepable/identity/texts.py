"""The names that texts take from around the code that evaluates them: queries and formulas."""

from __future__ import annotations

import re

#: A name that the text of a query takes from its surroundings: ``df.query("x > @low")``.
IN_TEXT = r"@([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
_WORD = r"\b(?<!\.)[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_LONGEST_FORMULA = 1000


def names_in(text: str) -> list[str]:
    """The names that a text takes from around the code that evaluates it."""
    found = re.findall(IN_TEXT, text) if "@" in text else []
    # A formula, ``y ~ log(x) + g(x)``: patsy and formulaic look its names up around the call.
    is_formula = "~" in text and "~/" not in text and len(text) < _LONGEST_FORMULA
    return found + re.findall(_WORD, text) if is_formula else found


def dotted(name: str) -> tuple[str, tuple[str, ...]]:
    """The first name of a chain, and the attributes taken from it."""
    first, *attributes = name.split(".")
    return first, tuple(attributes)
