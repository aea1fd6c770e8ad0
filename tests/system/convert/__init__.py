"""The parts of the differential test of `sockgatectl convert` against the real xinetd."""
