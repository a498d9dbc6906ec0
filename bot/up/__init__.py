"""`meshbot up`: all of Meshbot on one machine, following a local repository.

The rule: nothing else imports this. `guard` is the process that people start; it runs `house`, which keeps a
`household` of processes, lets a `follower` merge what is committed, and says the `news`.
"""
