"""A hub, its proxy and its users' servers in this process: a fake with behaviour.

It answers what the real ones were measured to answer (tests/hub/test_contract.py holds it to that),
keeps the users' files in memory, records every request line as it came over the wire, and
misbehaves on request.
"""

from fakehub.hub import FakeHub, served
from fakehub.responses import LOST, SILENT, hub_page, json_answer, page_answer
from fakehub.state import TEMPORARY, Server, Start, User, basic

__all__ = [
    "LOST",
    "SILENT",
    "TEMPORARY",
    "FakeHub",
    "Server",
    "Start",
    "User",
    "basic",
    "hub_page",
    "json_answer",
    "page_answer",
    "served",
]
