"""Jobs, when they are due, where they run, and each run followed to its end."""
