"""Jobs of the case report: each prepared and timed in a process of its own."""
