"""Rules files as an administrator handles them: compile, show, and find what can never match.

Reading and judging rules is core's (access/tcprules.py, access/tcprules_access.py); here is what no connection needs.
"""
