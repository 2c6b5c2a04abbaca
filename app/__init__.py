"""What people touch: the command line, the HTTP routes beside the API, auth, checkpoints."""
