"""The one way in which our pages are filled: escaped, and strict about names."""

from __future__ import annotations

import jinja2


def template_environment(package: str) -> jinja2.Environment:
    """Return the environment of the templates in the folder `templates` of a package."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # A misspelt name in a template is an error, and not an empty place on the page.
        undefined=jinja2.StrictUndefined,
    )
