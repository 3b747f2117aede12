"""Bring a job database to the newest version: ``python -m ocr_core.adapters.database.migrate URL``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ocr_core.contracts.errors import NotReady

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(url: str) -> Config:
    """Alembic's configuration, for its commands from code or from a shell."""
    # Alembic takes 0.3 s of CPU to import; a process that finds its tables there does without it.
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    # Config files are interpolated: a percent sign in a password is doubled.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Run the migrations that are missing; any number of processes may do so at once, one does the work.

    A newer version than this code knows is left as it is.

    Raises:
        NotReady: the database does not answer, or its version is none that is known here.
    """
    from alembic import command  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    try:
        command.upgrade(alembic_config(url), revision)
    except CommandError as error:
        raise NotReady(
            "the job database's tables are of a version that is not known here, and are left as they are"
        ) from error


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="sqlite:////absolute/file or postgresql://user@host/name")
    try:
        upgrade(parser.parse_args().url)
    except NotReady as error:
        sys.exit(error.detail)


if __name__ == "__main__":
    main()
