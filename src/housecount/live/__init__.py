"""What changed, in order, for whoever follows it."""
