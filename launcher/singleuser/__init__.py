"""What runs in the users' servers: standard library and git only, nothing of the launcher."""
