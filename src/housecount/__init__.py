"""Housecount: every ticket sold, anywhere, in one honest count."""
