"""The questions of a diagnosis, one subject per module: each takes the sources and returns one piece of evidence."""
