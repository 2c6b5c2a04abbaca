"""Who does the work: specialists, routing, planner, worker, judge."""
