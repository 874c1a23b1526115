"""Fill in a page's template."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pgcredits.output.palette import DARK, LIGHT


def render(package: str, template: str, **values: Any) -> str:
    """The page that a template in the folder ``templates`` of a package makes of the values.

    It may include page.css.j2, which all pages share; the colours are `light` and `dark`.

    Raises:
        ImportError: jinja2 is not installed: it comes with pgcredits[report].
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    folders = [PackageLoader(name, "templates") for name in (package, "pgcredits.output")]
    environment = Environment(
        loader=ChoiceLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        **values, light=asdict(LIGHT), dark=asdict(DARK)
    )
