"""Numbers in, numbers out: money, counting, matching. No framework, no database, no clock, no I/O."""
