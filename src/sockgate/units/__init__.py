"""systemd unit files: how systemd reads them, and how to write values that systemd reads back unchanged.

`sockgatectl check`, `install` and the converter share this package. It needs no running systemd. Every look-up takes a
root directory, so an image or a test tree is read in the same way as the machine.
"""
