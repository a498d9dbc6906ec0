"""The graph of a project, read without its warehouse, its drivers and its variables: what `meshrun describe` prints."""
