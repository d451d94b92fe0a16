"""When each collector runs, and the run itself."""
