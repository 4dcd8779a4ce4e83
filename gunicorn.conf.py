"""Lets the plain `gunicorn launcher.serve:app` work in a checkout."""

from launcher.gunicorn import *  # noqa: F403
