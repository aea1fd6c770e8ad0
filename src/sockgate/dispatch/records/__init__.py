"""What sockgated logs."""
