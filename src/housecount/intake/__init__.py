"""Webhooks: received, verified, stored, acknowledged; then read from the platform. A webhook is only a hint."""
