"""What may be done with files."""

import os
import tempfile
from pathlib import Path


def why_not_writable(folder: Path) -> str:
    """Why no file can be made in the folder, '' when one was made and removed."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{folder.resolve()}: {os.strerror(error.errno or 0).lower()}"
