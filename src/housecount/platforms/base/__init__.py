"""What every ticketing platform offers and every part above relies on."""
