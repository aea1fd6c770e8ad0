"""What an administrator does with rules files: compile them, show them, and find rules that can never match.

access/tcprules.py and access/tcprules_access.py read rules and decide by them. This package has what no connection
needs.
"""
