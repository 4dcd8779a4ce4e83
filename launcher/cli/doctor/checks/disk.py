"""Free disk space where the launcher writes."""

import os
import shutil
from pathlib import Path

from launcher.cli.doctor.results import Result, failed, ok, warning
from launcher.cli.doctor.site import Site

NAME = "disk"

# SQLite's log of writes alone may take some ten megabytes, and a launch up to one
LEAST_BYTES = 100 * 2**20
FEW_BYTES = 2**30


async def check(site: Site) -> Result:
    """How much space is left for the database, the secret and the metrics."""
    free = {folder: shutil.disk_usage(folder).free for folder in _folders(site)}
    if not free:
        return failed("None of the launcher's folders exists.")
    least = min(free.values())
    where = " and ".join(f"{_named(size)} in {folder}" for folder, size in free.items())
    if least < LEAST_BYTES:
        return failed(f"The disk is full: {where} is free.")
    if least < FEW_BYTES:
        return warning(f"The disk is nearly full: {where} is free.")
    return ok(f"{where} is free.")


def _folders(site: Site) -> list[Path]:
    """The folders that exist, one of each file system."""
    files = [site.database_file, Path(site.settings.secret_file)]
    folders = [file.resolve().parent for file in files if file]
    if site.settings.metrics_folder:
        folders.append(Path(site.settings.metrics_folder).resolve())
    by_device = {os.stat(folder).st_dev: folder for folder in folders[::-1] if folder.is_dir()}
    return list(by_device.values())[::-1]


def _named(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size // 2**20} MiB"
