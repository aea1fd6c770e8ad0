"""Run scripts and sourced settings, evaluated as far as they can be known without running anything.

Three steps: `tokens` reads characters, `parser` makes a syntax tree (`syntax`), `evaluator` walks it. The grammar is
sh's, or bash's where bash runs the script. Of commands only a few are known (`id -u NAME`, `cat FILE`, `echo`,
`hostname` and so on). What else a word contains makes it unknown, and an unknown word is never used: the caller gets
the line and the reason.

Each thing that a script asks of this machine (a file, a program, a name) is a `findings.Question` with this machine's
answer. `worlds` evaluates the same script again with other answers, to see what follows from each.
"""
