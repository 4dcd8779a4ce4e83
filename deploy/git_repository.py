"""Bare git repositories, made with git's own commands."""

import os
import subprocess
from pathlib import Path

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "Teacher",
    "GIT_AUTHOR_EMAIL": "teacher@example.org",
    "GIT_COMMITTER_NAME": "Teacher",
    "GIT_COMMITTER_EMAIL": "teacher@example.org",
    "HOME": "/nonexistent",
    "PATH": os.environ["PATH"],
}


class BareRepository:
    """A repository on a host; its branch `main` is the default one."""

    def __init__(self, path: Path) -> None:
        """The repository at a path; it is made if there is none."""
        self.path = path
        if not (path / "HEAD").is_file():
            path.mkdir(parents=True)
            self.git("init", "--quiet", "--bare", "--initial-branch=main", ".")
            self.git("config", "uploadpack.allowFilter", "true")

    def git(self, *arguments, stdin=b"", **environment) -> str:
        """The output of a git command in the repository."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**_ENVIRONMENT, **environment},
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, files=None, *, branch="main", parent=None, message="Change") -> str:
        """A commit with these files beside those of the branch, which moves there; its sha."""
        parent = parent or self.tip(branch)
        tree = self._tree(files or {"README.md": f"{message}\n"}, parent)
        parents = ["-p", parent] if parent else []
        sha = self.git("commit-tree", tree, *parents, "-m", message)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def tip(self, branch="main") -> str:
        """The commit of a branch; '' if there is no such branch."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def tag(self, name, sha, *, annotated=False) -> str:
        """Tag a commit; the sha of the tag object, or of the commit."""
        self.git("tag", *(["-a", "-m", name] if annotated else []), "--", name, sha)
        return self.git("rev-parse", f"refs/tags/{name}")

    def _tree(self, files, parent) -> str:
        index = {"GIT_INDEX_FILE": str(self.path / "index-of-commit")}
        self.git("read-tree", *([parent] if parent else ["--empty"]), **index)
        for name, content in files.items():
            blob = self.git("hash-object", "-w", "--stdin", stdin=content.encode())
            self.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", **index)
        return self.git("write-tree", **index)
