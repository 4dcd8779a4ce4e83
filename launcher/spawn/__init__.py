"""How a server is started: the spawn specification, and the protocol of the hub's spawn hook.

The hub's side imports this package, so it uses the standard library alone and runs on Python 3.10.
"""
