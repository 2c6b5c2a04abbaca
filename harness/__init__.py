"""The pure thinking of deep work: plans, order, verification, the ladder, limits."""
