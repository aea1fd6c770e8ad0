"""The clients that are being served, and the counts that limits go by."""
