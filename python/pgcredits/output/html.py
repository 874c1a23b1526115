"""Fill in a page's template."""

from __future__ import annotations

from typing import Any


def render(package: str, template: str, **values: Any) -> str:
    """The page that a template in the folder ``files`` of a package makes of the values.

    Raises:
        ImportError: jinja2 is not installed: it comes with pgcredits[report].
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package, "files"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
