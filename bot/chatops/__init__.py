"""The commands that people give, on a command line or in a comment: one complete file for each.

A command decides and never acts: it gets what was asked, what is known and the time, and returns actions and a reply.
"""
