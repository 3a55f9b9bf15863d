"""What is kept of runs: the store file, what is written into it, where a run came from."""
