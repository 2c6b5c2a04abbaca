"""The one gateway between agents and the world."""
