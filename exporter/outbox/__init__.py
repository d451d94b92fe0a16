"""What a table of jobs means: the mapping of its columns and values, and the profiles of known libraries."""
