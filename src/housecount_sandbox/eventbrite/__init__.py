"""The stand-in for Eventbrite's API v3."""
