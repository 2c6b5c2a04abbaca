"""The offline model: plans from the spec, picks tools by overlap, answers by extraction.

It reads what any provider gets (messages, tools, schema) and nothing else, and it is deterministic.
"""
