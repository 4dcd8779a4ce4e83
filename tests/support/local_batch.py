"""A batch system of one machine, for batchspawner: a job is a process that runs the script."""

from pathlib import Path

from batchspawner import BatchSpawnerRegexStates
from traitlets import Unicode, default


class LocalBatch(BatchSpawnerRegexStates):
    """Runs each job at once, with its script and its output in the user's home."""

    ip = Unicode("127.0.0.1").tag(config=True)
    exec_prefix = Unicode("").tag(config=True)
    homes = Unicode("/tmp").tag(config=True)
    req_partition = Unicode("small").tag(config=True)
    batch_script = Unicode(
        "#!/bin/bash\n# partition={partition}\ncd {homedir}\n{prologue}\nexec {cmd}\n"
    ).tag(config=True)
    batch_submit_cmd = Unicode(
        "sh -c 'cat >{homedir}/job.sh; setsid bash {homedir}/job.sh >{homedir}/job.log 2>&1 &"
        " echo $!'"
    ).tag(config=True)
    # a job that ended may be a zombie
    batch_query_cmd = Unicode(
        "sh -c 'grep -q \"^State:.[^Z]\" /proc/{job_id}/status && echo RUNNING 127.0.0.1'"
    ).tag(config=True)
    batch_cancel_cmd = Unicode("kill {job_id}").tag(config=True)
    state_pending_re = Unicode("PENDING").tag(config=True)
    state_running_re = Unicode("RUNNING").tag(config=True)
    state_exechost_re = Unicode(r"RUNNING (\S+)").tag(config=True)

    @default("req_homedir")
    def _home(self):
        home = Path(self.homes, self.user.name)
        home.mkdir(exist_ok=True)
        return str(home)

    def get_env(self):
        return {**super().get_env(), "HOME": self.req_homedir}
