"""The program as its users run it: a process of its own, asked over HTTP, ended by signals."""
