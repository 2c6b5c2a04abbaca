"""The durable record: runs, plans, tasks, results, decisions, effects, spend, approvals."""
