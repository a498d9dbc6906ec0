"""What runs beside the user's project: the only code that imports sqlmesh, and it imports nothing of ours."""
