"""Commands: `housecount COMMAND`. Exit status 0 = done, 1 = refused or done in part, 2 = wrong usage."""
