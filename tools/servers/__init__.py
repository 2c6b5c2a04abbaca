"""The MCP servers that ship with Switchyard; `python -m tools.servers.crm` runs one of them.

They import nothing of Switchyard outside this package, so that any MCP client can use them.
"""
