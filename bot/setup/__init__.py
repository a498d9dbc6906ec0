"""`meshbot setup-github`: the App is created with the help of a browser, and held against what it needs."""
