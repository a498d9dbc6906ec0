"""What people say to Meshbot, and what it answers: GitHub (in time), and the command line."""
