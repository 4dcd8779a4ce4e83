"""The application for gunicorn with short time-outs, so that tests need not wait for long ones.

`GET /end` ends the process as a background task that ends does.
"""

from launcher import serve, worker
from launcher.api import bodies

worker.HEAD_SECONDS = 1.0
worker.SEND_SECONDS = 1.0
bodies.BODY_SECONDS = 1.0


class _App:
    stopping = property(lambda self: serve.app.stopping)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] == "/end":
            serve.end_process()
        await serve.app(scope, receive, send)


app = _App()
