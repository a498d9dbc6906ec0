"""SQL that the models of the project share."""
