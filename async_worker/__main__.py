"""``python -m async_worker ROLE [ROLE …]`` runs roles of the bulk road in one process.

``python -m async_worker keys …`` and ``… tenants …`` administer who may call it; ``… export`` writes what tenants have
stored as Parquet.
"""

import sys

from ocr_core.service import run_main

_ADMINISTRATION = frozenset({"keys", "tenants"})

if __name__ == "__main__":
    # A command that runs for a moment need not import what roles are made of, nor the other way round.
    if sys.argv[1:2] and sys.argv[1] in _ADMINISTRATION:
        from async_worker.administration_command import main as administer

        administer(sys.argv[1:])
    if sys.argv[1:2] == ["export"]:
        from async_worker.export_command import main as export

        export(sys.argv[2:])
    from async_worker.main import main

    run_main(main)
