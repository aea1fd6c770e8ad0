"""systemd unit files: how systemd reads them, and how to write what it will read back unchanged.

`sockgatectl check`, `install` and the converter share this package. It needs no running systemd, and every
look-up takes a root directory, so that an image or a test tree is read the same way as the machine.
"""
