"""Git projects: which hosts and repositories there are, and which commit a name means."""
