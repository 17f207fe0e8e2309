"""What stands on this machine: environment, keys, the database server, its roles, logs and child processes."""
