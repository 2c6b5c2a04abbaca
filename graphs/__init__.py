"""The only room that builds graphs: the supervisor (wide) and the deep harness."""
