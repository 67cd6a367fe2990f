"""What the browser tests type."""
