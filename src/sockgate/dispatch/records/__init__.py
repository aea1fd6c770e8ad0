"""The records of sockgated, and the log that never waits."""
