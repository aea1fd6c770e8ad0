"""Decisions about clients, and the memory of them for the next client."""
