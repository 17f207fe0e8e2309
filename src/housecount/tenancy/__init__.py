"""Organisations, the people in them, what each may see and do, and who changed what."""
