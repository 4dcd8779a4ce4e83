"""Notebooks that change with each save, as bodies of a PUT to the contents API."""

import base64
import json
import os
import random

from hostile_notebooks import ALL, notebook_of
from nbformat import v4

LARGE_BYTES = 50_000_000


class GrowingNotebook:
    """Each edit adds a cell, or runs the next one; of ten, one has an error."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._cells = [v4.new_markdown_cell("# Day 1"), v4.new_code_cell("import math")]

    def edited(self):
        """The body of a PUT."""
        waiting = [
            each
            for each in self._cells
            if each.cell_type == "code" and each.execution_count is None
        ]
        if waiting and self._random.random() < 0.5:
            self._run(waiting[0])
        else:
            numbers = "".join(f"x{each} = math.sqrt({each})\n" for each in range(40))
            self._cells.append(v4.new_code_cell(numbers))
        return _body(v4.new_notebook(cells=self._cells))

    def _run(self, cell):
        cell.execution_count = len(self._cells)
        text = "".join(f"{self._random.random()}\n" for _ in range(100))
        cell.outputs = [v4.new_output("stream", text=text)]
        if self._random.random() < 0.1:
            failed = {"ename": "NameError", "evalue": "name 'maths' is not defined"}
            cell.outputs.append(v4.new_output("error", **failed, traceback=["NameError"]))


class HostileNotebook:
    """Each edit makes it a notebook of the next payloads."""

    def __init__(self, seed, payloads=1):
        self._next, self._payloads = seed, payloads

    def edited(self):
        """The body of a PUT."""
        chosen = [ALL[(self._next + each) % len(ALL)] for each in range(self._payloads)]
        self._next += self._payloads
        made = notebook_of(chosen[0])
        for payload in chosen[1:]:
            made.cells += notebook_of(payload).cells
        return _body(made)


class LargeNotebook:
    """A notebook of 50 MB with pictures, which compression makes little smaller."""

    def __init__(self, seed):
        picture = base64.b64encode(os.urandom(LARGE_BYTES // 40)).decode()
        cells = [v4.new_code_cell("save 000000")]
        for _ in range(31):
            output = v4.new_output("display_data", data={"image/png": picture})
            cells.append(v4.new_code_cell("plot()", outputs=[output]))
        self._body, self._number = _body(v4.new_notebook(cells=cells)), seed

    def edited(self):
        """The body of a PUT."""
        self._number += 1
        return self._body.replace(b"save 000000", f"save {self._number:06}".encode(), 1)


def _body(notebook):
    model = {"type": "notebook", "format": "json", "content": notebook}
    return json.dumps(model).encode()
