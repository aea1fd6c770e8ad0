"""What the shells complete, made from the tables of options: `python3 -m sockgate.ctl.completion SHELL PROGRAM`.

`make install` writes one file for each shell and program.
"""
