"""`meshbot doctor`: everything that Meshbot depends on is looked at, and what is wrong says what to do."""
