"""A stand-in for Xero: sign-in, organisations, contacts, documents, payments, files and hooks, kept in memory."""
