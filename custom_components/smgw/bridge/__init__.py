"""The only place where control/ meets Home Assistant: its ports, and its life with the entry.

Items are entities, writes are actions with a context of their own, what is measured comes from
sensors and from the readings, and how things stand goes to the entities.
"""
