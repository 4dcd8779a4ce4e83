"""batchspawner: jobs of Slurm, PBS and others. It joins the words of a command without quotes."""

import inspect
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from launcher.jupyterhub import job_output, report_port
from launcher.jupyterhub.adapters import set_attribute
from launcher.jupyterhub.adapters.local import LocalAdapter
from launcher.jupyterhub.log_folder import ServerLog
from launcher.spawn.parts import Command

# the Python beside the server's command, else the first one in PATH; -I: nothing of the home
_WITH_PYTHON = (
    'python="${1%/*}/python3"; [ -x "$python" ] || python=python3; exec "$python" -I -c "$0" "$@"'
)


def quoted(words: Iterable[str]) -> str:
    """The words as text for a shell."""
    return " ".join(shlex.quote(word) for word in words)


REPORTER = quoted(["/bin/sh", "-c", _WITH_PYTHON, inspect.getsource(report_port)])


class BatchAdapter(LocalAdapter):
    """As for local processes, with the command quoted for the job script.

    `batchspawner-singleuser` would run the command's file in the Python of the hub's environment;
    report_port.py takes its place in jobs with a command of their own, and needs no package.
    """

    def add_environment(self, spawner: Any, variables: Mapping[str, str]) -> None:
        """Add variables, and let them pass into the job where a site lists those that may."""
        super().add_environment(spawner, variables)
        names = [*filter(None, [spawner.req_keepvars_extra]), *variables]
        set_attribute(spawner, "req_keepvars_extra", ",".join(names))

    def keep_output(self, spawner: Any, log: ServerLog) -> None:
        """Remember the output file that the job's script names."""
        log.begin()
        write, submit = spawner._get_batch_script, spawner.submit_batch_script
        scripts = []

        async def write_noted(**variables: Any) -> Any:
            scripts.append(await write(**variables))
            return scripts[-1]

        async def submit_noted() -> Any:
            job_id = await submit()
            variables = spawner.get_req_subvars()
            path = job_output.named_in(scripts[-1], spawner.job_id, variables["username"])
            # what is not run as the user could be led to any file of the hub
            as_user = "username" in spawner.exec_prefix
            prefix = _formatted(spawner.exec_prefix, variables) if as_user else ""
            log.note_job(path, prefix)
            return job_id

        set_attribute(spawner, "_get_batch_script", write_noted)
        set_attribute(spawner, "submit_batch_script", submit_noted)

    def set_command(self, spawner: Any, command: Command) -> None:
        """Set what runs in the job: what reports the port, and the server."""
        words = quoted(command.argv)
        if command.replaces:
            set_attribute(spawner, "batchspawner_singleuser_cmd", REPORTER)
            set_attribute(spawner, "cmd", [words])
        else:
            set_attribute(spawner, "batchspawner_singleuser_cmd", f"{words} {REPORTER}")


def _formatted(template: str, variables: Mapping[str, Any]) -> str:
    """A setting of batchspawner, as it formats it; it is installed where there is a spawner."""
    from batchspawner.batchspawner import format_template

    return str(format_template(template, **variables))


adapter = BatchAdapter("batchspawner.batchspawner.BatchSpawnerBase")
