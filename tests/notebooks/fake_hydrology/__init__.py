"""What the notebooks speak to, on this machine: servers, models and the data they hold."""
