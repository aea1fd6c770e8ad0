"""Run scripts and sourced settings, evaluated as far as they can be known without running anything.

The grammar is sh's, without arithmetic but for one operation: simple commands with quotes, parameter expansion and
command substitution, compound commands and functions, assignments, `.`, eval, exec. Of commands only a few are known
(`id -u NAME`, `cat FILE`, `head -1 FILE`, `echo`, `getent passwd NAME | cut -d: -fN`, `hostname`). Whatever else a
word contains makes it unknown, and an unknown word is never used: whoever asks for it gets the line and the reason.
"""
