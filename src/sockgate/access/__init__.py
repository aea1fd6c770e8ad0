"""The dialects of access rules: each one a check, in a file of its own."""
