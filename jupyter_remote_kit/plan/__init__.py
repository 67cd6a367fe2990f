"""What should be, computed from settings and facts. Pure: no I/O, no clock, no environment."""
