"""The lean tier: everything that runs once per connection.

Start-up time decides here, so these modules import only `sys posix errno time _socket _signal` and each
other. `posix` and `_socket` are CPython's own halves of `os` and `socket`: on Python 3.11 `os` costs
0.9 ms and `socket` 4.9 ms of a budget of 2 (see `make bench-gate`). tests/test_import_law.py keeps it so.
"""
