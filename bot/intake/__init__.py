"""Where GitHub's deliveries come in, and the process that works on them: one inbox after the other, each in order."""
