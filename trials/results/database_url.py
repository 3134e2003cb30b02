"""The address of an SQLite database, as MLflow and Optuna take it."""

from __future__ import annotations

from pathlib import Path


def sqlite_url(path: Path) -> str:
    """Return SQLAlchemy's URL of the SQLite database at `path`, whatever its folders are called."""
    import sqlalchemy  # late: most commands open no database

    url = sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()
    if url == f"sqlite:///{path}":
        return url
    # MLflow takes all behind sqlite:/// for a path, and makes the folder of that (%3F for ?). With
    # its driver named, a URL is left to SQLAlchemy.
    return url.replace("sqlite:", "sqlite+pysqlite:", 1)
