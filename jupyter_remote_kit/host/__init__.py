"""Effects: reads facts of the machine, applies a plan, runs processes. The only place with subprocess."""
