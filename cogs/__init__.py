"""The commands: one family a file, thin. A command reads its options, calls one service, and renders."""
