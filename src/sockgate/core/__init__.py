"""The base of the lean tier, which runs once per connection: what the other rooms read.

Start-up time matters here, so these modules import only `sys posix errno time _socket _signal` and each other. `posix`
and `_socket` are the C halves of `os` and `socket`. On Python 3.11, `os` takes 0.9 ms and `socket` 4.9 ms, and the
budget is 2 ms (see `make bench-gate`). tests/test_import_law.py checks the imports.
"""
