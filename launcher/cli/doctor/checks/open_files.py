"""How many files a process may open: a connection is one."""

from launcher.cli.doctor.results import Result, lines, ok, warning
from launcher.cli.doctor.site import Site

NAME = "open-files"
# enough for worker.CONNECTIONS
WANTED = 4096


async def check(site: Site) -> Result:
    """Whether a worker can accept as many connections as configured."""
    from launcher import worker

    files, most = worker.open_files(), worker.most_connections(worker.CONNECTIONS)
    if most == worker.CONNECTIONS:
        return ok(f"A worker may open {files} files: {most} connections.")
    return warning(
        f"A worker may open {files} files: {most} connections instead of {worker.CONNECTIONS}.",
        lines("# systemd, in [Service] (Docker: --ulimit nofile=4096)", f"LimitNOFILE={WANTED}"),
    )
