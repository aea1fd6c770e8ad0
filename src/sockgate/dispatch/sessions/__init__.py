"""The clients that are being served, and the counts for the limits."""
