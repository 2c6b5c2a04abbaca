"""Tests of the MCP servers that ship with Switchyard."""
